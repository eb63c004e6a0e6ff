//! Lines about what has no answer, few enough to be read.

use std::io::Write;
use std::time::{Duration, Instant};

use minisgl_tokenizer_frames::Problem;

/// The most lines of the problems that come together.
const TOGETHER: usize = 10;
/// The most lines in a period; the others are counted.
const LINES: u32 = 100;
const PERIOD: Duration = Duration::from_secs(1);
/// Where lines are written. That it can't be written to is no reason to stop.
pub struct Log<W> {
    out: W,
    since: Instant,
    lines: u32,
    held: u64,
}

impl<W: Write> Log<W> {
    /// Write to `out`.
    pub fn new(out: W) -> Self {
        Self { out, since: Instant::now(), lines: 0, held: 0 }
    }

    /// What was wrong with frames that came together.
    pub fn problems(&mut self, problems: &[Problem]) {
        for problem in problems.iter().take(TOGETHER) {
            let who = problem.uid.map(|uid| format!(" of uid {uid}")).unwrap_or_default();
            self.line(&format!("{}{who}: {}", problem.code, problem.message));
        }
        if problems.len() > TOGETHER {
            self.line(&format!("and {} more bad messages with it", problems.len() - TOGETHER));
        }
    }

    /// One line, or one more that is counted.
    pub fn line(&mut self, line: &str) {
        self.line_at(line, Instant::now());
    }

    fn line_at(&mut self, line: &str, now: Instant) {
        if now.duration_since(self.since) >= PERIOD {
            self.settle();
            (self.since, self.lines) = (now, 0);
        }
        if self.lines < LINES {
            self.lines += 1;
            self.write(line);
        } else {
            self.held += 1;
        }
    }

    /// Whether lines were counted that nothing was said of yet.
    pub fn has_more(&self) -> bool {
        self.held > 0
    }

    /// Say how many lines were counted.
    pub fn settle(&mut self) {
        if self.held > 0 {
            self.write(&format!("and {} more lines, not shown", self.held));
            self.held = 0;
        }
    }

    /// Where lines are written.
    #[cfg(test)]
    pub fn out(&self) -> &W {
        &self.out
    }

    fn write(&mut self, line: &str) {
        let _ = writeln!(self.out, "{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(log: &Log<Vec<u8>>) -> Vec<String> {
        String::from_utf8(log.out.clone()).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn problems_together_are_a_few_lines() {
        let mut log = Log::new(Vec::new());
        let problem = Problem::new("bad-message", "a\nb", Some(7));
        log.problems(&vec![problem; 1000]);
        let lines = lines(&log);
        assert_eq!(lines.len(), 11);
        assert_eq!(lines[0], r"bad-message of uid 7: a\nb");
        assert_eq!(lines[10], "and 990 more bad messages with it");
    }

    #[test]
    fn a_flood_is_counted_and_said_once() {
        let mut log = Log::new(Vec::new());
        let start = log.since;
        for _ in 0..5000 {
            log.line_at("bad", start);
        }
        assert_eq!(lines(&log).len(), 100);
        assert!(log.held > 0);
        log.line_at("later", start + PERIOD);
        assert_eq!(lines(&log)[100..], ["and 4900 more lines, not shown", "later"]);
        assert_eq!(log.held, 0);
        log.settle();
        assert_eq!(lines(&log).len(), 102);
    }

    #[test]
    fn what_cannot_be_written_to_is_survived() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        Log::new(Closed).line("bad");
    }
}
