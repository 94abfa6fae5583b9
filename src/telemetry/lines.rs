//! Log lines on their way out: whoever logs leaves them in memory, and a thread writes what has gathered.
//!
//! To wake a thread for every line costs a request more than to write the line.

use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// How long lines gather before they are written.
const GATHER: Duration = Duration::from_millis(20);
/// How many bytes are written at once though more could gather.
const PLENTY: usize = 256 << 10;
/// How many bytes may wait. Whoever logs more waits, so that nothing is left out and memory stays bounded.
const MOST: usize = 1 << 20;

/// Where lines are left, each in one write.
#[derive(Clone, Default)]
pub(super) struct Lines(Arc<Shared>);

#[derive(Default)]
struct Shared {
    gathered: Mutex<Gathered>,
    /// Somebody is to write now.
    plenty: Condvar,
    /// There is room again.
    room: Condvar,
}

#[derive(Default)]
struct Gathered {
    bytes: Vec<u8>,
    over: bool,
}

/// Writes lines until it is dropped, and then the last of them.
pub struct Writing {
    lines: Lines,
    thread: Option<JoinHandle<()>>,
}

impl Lines {
    /// Starts writing to `output`.
    ///
    /// # Errors
    /// Where the system has no thread left.
    pub(super) fn start(output: impl Write + Send + 'static) -> io::Result<(Self, Writing)> {
        let lines = Self::default();
        let theirs = lines.clone();
        let thread = thread::Builder::new().name("log".to_owned());
        let writing = Writing {
            lines: lines.clone(),
            thread: Some(thread.spawn(move || theirs.write_to(output))?),
        };
        Ok((lines, writing))
    }

    fn write_to(&self, mut output: impl Write) {
        let mut taken = Vec::new();
        loop {
            let gathered = self.gathered();
            let waits = |gathered: &mut Gathered| !gathered.over && gathered.bytes.len() < PLENTY;
            let waited = self.0.plenty.wait_timeout_while(gathered, GATHER, waits);
            let (mut gathered, _) = waited.unwrap_or_else(PoisonError::into_inner);
            mem::swap(&mut gathered.bytes, &mut taken);
            let over = gathered.over;
            drop(gathered);
            self.0.room.notify_all();
            // Where the output is gone, nobody is left to be told.
            let _ = output.write_all(&taken).and_then(|()| output.flush());
            taken.clear();
            if over {
                return;
            }
        }
    }

    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        self.0.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let full = |gathered: &mut Gathered| !gathered.over && gathered.bytes.len() >= MOST;
        let waited = self.0.room.wait_while(self.gathered(), full);
        let mut gathered = waited.unwrap_or_else(PoisonError::into_inner);
        if !gathered.over {
            gathered.bytes.extend_from_slice(line);
            if gathered.bytes.len() >= PLENTY {
                self.0.plenty.notify_one();
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'l> MakeWriter<'l> for Lines {
    type Writer = &'l Self;

    fn make_writer(&'l self) -> Self::Writer {
        self
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.lines.gathered().over = true;
        self.lines.0.plenty.notify_one();
        self.lines.0.room.notify_all();
        if let Some(thread) = self.thread.take() {
            // It does not panic; and if it did, there was nothing more to write.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    /// Tells of each write, and lasts until it is let go on.
    struct Slow(Sender<Vec<u8>>, Receiver<()>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.send(bytes.to_vec());
            let _ = self.1.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn slow() -> (Slow, Receiver<Vec<u8>>, Sender<()>) {
        let ((told, tells), (go, waits)) = (channel(), channel());
        (Slow(told, waits), tells, go)
    }

    #[test]
    fn lines_of_many_threads_are_written_whole_and_the_last_of_them_at_the_end() {
        let (output, tells, go) = slow();
        drop(go);
        let (lines, writing) = Lines::start(output).unwrap();
        thread::scope(|scope| {
            for name in ["a", "b", "c"] {
                let mut lines = &lines;
                let line = move |number| format!("{name}{number:04}\n");
                scope.spawn(move || (0..1_000).try_for_each(|number| lines.write_all(line(number).as_bytes())));
            }
        });
        drop(writing);
        let text = String::from_utf8(tells.iter().flatten().collect()).unwrap();
        for name in ["a", "b", "c"] {
            let mut all = text.lines().filter(|line| line.starts_with(name));
            assert!((0..1_000).all(|number| all.next() == Some(&format!("{name}{number:04}"))));
        }
    }

    #[test]
    fn a_line_is_written_though_nothing_follows() {
        let (output, tells, go) = slow();
        let (lines, writing) = Lines::start(output).unwrap();
        (&lines).write_all(b"one\n").unwrap();
        assert_eq!(tells.recv_timeout(SOON).unwrap(), b"one\n");
        drop(go);
        drop(writing);
    }

    #[test]
    fn whoever_logs_more_than_may_wait_waits() {
        let (output, tells, go) = slow();
        let (lines, writing) = Lines::start(output).unwrap();
        let line = vec![b'x'; MOST];
        (&lines).write_all(&line).unwrap();
        // The first is being written, the second waits to be, and the third has no room.
        assert_eq!(tells.recv_timeout(SOON).unwrap().len(), MOST);
        (&lines).write_all(&line).unwrap();
        let (told, third) = channel();
        let others = lines.clone();
        let other = thread::spawn(move || {
            (&others).write_all(b"third\n").unwrap();
            told.send(()).unwrap();
        });
        assert!(third.recv_timeout(Duration::from_millis(100)).is_err());
        drop(go);
        third.recv_timeout(SOON).unwrap();
        other.join().unwrap();
        drop(writing);
        assert_eq!(tells.iter().flatten().count(), MOST + b"third\n".len());
    }
}
