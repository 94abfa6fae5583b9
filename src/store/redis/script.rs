//! The Lua scripts: what one command cannot do to one key.

use std::sync::LazyLock;

use deadpool_redis::redis::{self, Cmd, ErrorKind, ServerErrorKind, Value};

use super::link::{Again, Links, Trouble};

/// A script, and the hash by which Redis remembers it.
pub(super) struct Script {
    code: &'static str,
    hash: String,
}

impl Script {
    fn new(code: &'static str) -> Self {
        let hash = redis::Script::new(code).get_hash().to_owned();
        Self { code, hash }
    }

    /// Runs the script on a key; `arguments` adds what follows the key.
    pub(super) async fn run(
        &self,
        links: &Links,
        (key, again): (&str, Again),
        arguments: impl Fn(&mut Cmd),
    ) -> Result<Value, Trouble> {
        let call = |verb, script: &str| {
            let mut command = redis::cmd(verb);
            command.arg(script).arg(1).arg(key);
            arguments(&mut command);
            command
        };
        let answer = links.send(&call("EVALSHA", &self.hash), again).await;
        match answer {
            Err(Trouble::Redis(error)) if is_unknown(&error) => links.send(&call("EVAL", self.code), again).await,
            answer => answer,
        }
    }
}

fn is_unknown(error: &redis::RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

macro_rules! script {
    ($(#[$doc:meta])* $name:ident, $code:expr) => {
        $(#[$doc])*
        pub(super) static $name: LazyLock<Script> = LazyLock::new(|| Script::new($code));
    };
}

script! {
    /// Writes a value over the one that starts with ARGV 1 (its version); ARGV 2 is the value,
    /// ARGV 3 its lifetime in ms, if it has one. Returns 1, or what is there instead.
    REPLACE, "
local found = redis.call('GET', KEYS[1])
if not found or string.sub(found, 1, #ARGV[1]) ~= ARGV[1] then return found end
if ARGV[3] then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
else redis.call('SET', KEYS[1], ARGV[2]) end
return 1"
}

script! {
    /// Removes the value that starts with ARGV 1 (its version). Returns how many it removed.
    REMOVE, "
local found = redis.call('GET', KEYS[1])
if not found or string.sub(found, 1, #ARGV[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])"
}

script! {
    /// Adds ARGV 1 to a counter that lives for ARGV 2 ms from its first addition; nothing is made
    /// where nothing is added. Returns its total as text, for a Lua number is not exact, and the
    /// milliseconds it has left.
    ADD, "
if ARGV[1] == '0' and redis.call('EXISTS', KEYS[1]) == 0 then return {'0', tonumber(ARGV[2])} end
local sum = redis.pcall('INCRBY', KEYS[1], ARGV[1])
if type(sum) == 'table' and sum.err then
  if string.find(sum.err, 'not an integer') or string.find(sum.err, 'overflow') then
    return redis.error_reply('CORRUPT not a counter, or beyond 64 bits')
  end
  return sum
end
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  left = tonumber(ARGV[2])
end
return {redis.call('GET', KEYS[1]), left}"
}

script! {
    /// Appends each argument to a stream, in order. Returns where the first is; the others follow it number by number.
    APPEND, "
local first = redis.call('XADD', KEYS[1], '*', 'e', ARGV[1])
if #ARGV > 1 then
  local ms, seq = string.match(first, '(%d+-)(%d+)')
  for i = 2, #ARGV do redis.call('XADD', KEYS[1], ms .. (seq + i - 1), 'e', ARGV[i]) end
end
return first"
}

script! {
    /// Puts member ARGV 2 into a set at score ARGV 1, then drops what is below score ARGV 3.
    INDEX, "
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[3])
return 1"
}

script! {
    /// Reads at most ARGV 4 members with scores from ARGV 1 to ARGV 2, the last ones if ARGV 3 is
    /// 'last', always ascending; beyond member ARGV 6 of score ARGV 5, if given.
    ///
    /// That member may be gone, so its place among those of equal score is searched by halves. The
    /// comparison is spelt out because Lua's own follows the language of the server.
    RANGE, "
local function less(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end
local key, last, limit = KEYS[1], ARGV[3] == 'last', tonumber(ARGV[4])
local from = redis.call('ZCOUNT', key, '-inf', '(' .. ARGV[1])
local to = redis.call('ZCOUNT', key, '-inf', ARGV[2])
if ARGV[5] then
  local low = redis.call('ZCOUNT', key, '-inf', '(' .. ARGV[5])
  local high = redis.call('ZCOUNT', key, '-inf', ARGV[5])
  while low < high do
    local middle = math.floor((low + high) / 2)
    local found = redis.call('ZRANGE', key, middle, middle)[1]
    if less(found, ARGV[6]) or (not last and found == ARGV[6]) then
      low = middle + 1
    else
      high = middle
    end
  end
  if last then to = math.min(to, low) else from = math.max(from, low) end
end
if last then from = math.max(from, to - limit) else to = math.min(to, from + limit) end
if from >= to then return {} end
return redis.call('ZRANGE', key, from, to - 1, 'WITHSCORES')"
}
