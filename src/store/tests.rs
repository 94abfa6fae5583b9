use super::{NotAPosition, Position};

#[test]
fn positions_are_ordered_by_time_then_number() {
    let mut positions = [
        Position::new(2, 0),
        Position::new(1, 10),
        Position::new(1, 9),
        Position::START,
    ];
    positions.sort();
    let written: Vec<_> = positions.iter().map(Position::to_string).collect();
    assert_eq!(written, ["0-0", "1-9", "1-10", "2-0"]);
}

#[test]
fn a_position_is_read_as_it_is_written() {
    let position = Position::new(1_700_000_000_000, 7);
    assert_eq!(position.to_string().parse(), Ok(position));
    for text in ["", "1", "1-", "-1", "1-x", "1-2-3"] {
        assert_eq!(text.parse::<Position>(), Err(NotAPosition), "{text}");
    }
}

#[test]
fn what_follows_the_position_before_is_the_position() {
    for position in [Position::new(5, 0), Position::new(5, 7), Position::new(5, u64::MAX)] {
        assert!(position.before() < position);
        assert_eq!(position.before().next(), Some(position));
    }
}
