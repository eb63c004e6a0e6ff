//! One connection: the handshake, and then frames both ways.

use std::io::{self, ErrorKind, IoSlice, Write};

use mio::event::Event;

use crate::frame::{Head, Header, Kind, Refused, encode};
use crate::handshake::{GREETING, Role, check_greeting, command, greeting, split_command};
use crate::inbox::Inbox;
use crate::outbox::Outbox;
use crate::transport::Stream;

/// How far the handshake is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Its greeting is not whole yet.
    Greeting,
    /// It hasn't said yet what it is.
    Ready,
    /// Messages may come and go.
    Open,
}

/// What came of looking for a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// A message, or a part of one.
    Message(Vec<u8>),
    /// None, though more may be there to be read.
    Later,
    /// None until something happens.
    Nothing,
}

/// Why a connection is over.
#[derive(Debug)]
pub struct Lost;

impl From<Refused> for Lost {
    fn from(_: Refused) -> Self {
        Self
    }
}

impl From<io::Error> for Lost {
    fn from(_: io::Error) -> Self {
        Self
    }
}

/// A connection to a peer, and the frames that wait for it.
pub struct Link {
    stream: Stream,
    role: Role,
    most: usize,
    stage: Stage,
    inbox: Inbox,
    /// What this side says in the handshake, which goes before everything else.
    opening: Outbox,
    outbox: Outbox,
    readable: bool,
    ended: bool,
}

impl Link {
    /// A connection that has just been made, or is about to be. Messages longer than `most` end it.
    pub fn new(stream: Stream, role: Role, most: usize, outbox: Outbox) -> Self {
        let mut opening = Outbox::default();
        opening.push(greeting().to_vec());
        Self {
            stream,
            role,
            most,
            stage: Stage::Greeting,
            inbox: Inbox::default(),
            opening,
            outbox,
            readable: false,
            ended: false,
        }
    }

    /// Whether the handshake is done.
    pub fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    /// Whether it waits for room to write.
    pub fn has_to_write(&self) -> bool {
        !self.opening.is_empty() || (self.is_open() && !self.outbox.is_empty())
    }

    /// The frames that wait.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Its socket.
    pub fn stream(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// The frames that wait, for the connection that replaces this one.
    pub fn into_outbox(mut self) -> Outbox {
        self.outbox.rewind();
        self.outbox
    }

    /// Something has happened: read it later, write what waits, and go on with the handshake.
    pub fn notice(&mut self, event: &Event) -> Result<(), Lost> {
        self.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.ended |= event.is_read_closed() || event.is_error();
        self.write()?;
        while !self.is_open() && self.readable {
            self.read()?;
            self.shake()?;
        }
        Ok(())
    }

    /// A message, if one is there. Reads once at most.
    pub fn take(&mut self) -> Result<Taken, Lost> {
        let mut may_read = true;
        loop {
            match Header::read(self.inbox.bytes(), self.most)? {
                Some(header) if header.total() <= self.inbox.bytes().len() => {
                    let body = &self.inbox.bytes()[header.size..header.total()];
                    let message = if header.kind == Kind::Message { Some(body.to_vec()) } else { None };
                    if message.is_none() {
                        self.answer()?;
                    }
                    self.inbox.take(header.total());
                    if let Some(message) = message {
                        return Ok(Taken::Message(message));
                    }
                }
                _ if !self.readable => return Ok(Taken::Nothing),
                _ if !may_read => return Ok(Taken::Later),
                _ => {
                    self.read()?;
                    may_read = false;
                }
            }
        }
    }

    /// Send a message, now or as soon as it is taken.
    pub fn send(&mut self, body: &[u8]) -> Result<(), Lost> {
        if !self.is_open() || !self.outbox.is_empty() {
            self.outbox.push(encode(Kind::Message, body));
            return Ok(());
        }
        let head = Head::new(Kind::Message, body.len());
        let written = match self.stream.write_vectored(&[IoSlice::new(head.as_bytes()), IoSlice::new(body)]) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => 0,
            written => written?,
        };
        if written < head.as_bytes().len() + body.len() {
            self.outbox.push_rest(encode(Kind::Message, body), written);
        }
        Ok(())
    }

    fn read(&mut self) -> Result<(), Lost> {
        match self.inbox.fill(&mut self.stream) {
            Ok((0, _)) => Err(Lost),
            // A read that came back short has emptied the socket. But its end is read by a call of its own.
            Ok((_, more)) => {
                self.readable = more || self.ended;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(_) => Err(Lost),
        }
    }

    fn write(&mut self) -> Result<(), Lost> {
        let written = self.opening.write_to(&mut self.stream).and_then(|()| {
            if self.is_open() && self.opening.is_empty() { self.outbox.write_to(&mut self.stream) } else { Ok(()) }
        });
        match (written, self.role) {
            (Err(_), Role::Push) => Err(Lost),
            (Err(_), Role::Pull) => {
                // It has gone, but may have sent messages before that.
                (self.opening, self.outbox) = (Outbox::default(), Outbox::default());
                (self.readable, self.ended) = (true, true);
                Ok(())
            }
            (Ok(()), _) => Ok(()),
        }
    }

    /// Go on with the handshake as far as what was read allows.
    fn shake(&mut self) -> Result<(), Lost> {
        if self.stage == Stage::Greeting {
            check_greeting(self.inbox.bytes())?;
            if self.inbox.bytes().len() < GREETING {
                return Ok(());
            }
            self.inbox.take(GREETING);
            self.opening.push(encode(Kind::Command, &self.role.ready()));
            self.stage = Stage::Ready;
        }
        if let Some(header) = Header::read(self.inbox.bytes(), self.most)? {
            if header.kind != Kind::Command {
                return Err(Lost);
            }
            if let Some(body) = self.inbox.bytes().get(header.size..header.total()) {
                self.role.check_ready(body)?;
                self.inbox.take(header.total());
                self.stage = Stage::Open;
            }
        }
        self.write()
    }

    /// Answer the command that was read: who asks whether this side lives is told, other commands are passed over.
    fn answer(&mut self) -> Result<(), Lost> {
        let header = Header::read(self.inbox.bytes(), self.most)?.ok_or(Lost)?;
        let (name, rest) = split_command(&self.inbox.bytes()[header.size..header.total()])?;
        if name == b"PING" && !self.outbox.is_full() {
            // After the time for which the other side would wait comes what it wants to hear again.
            let context = rest.get(2..).ok_or(Lost)?;
            self.outbox.push(encode(Kind::Command, &command(b"PONG", context)));
            self.write()?;
        }
        Ok(())
    }
}
