//! The extended protocol: statements that are parsed once, and portals.
//!
//! Each message goes to PostgreSQL with a Flush behind it, and its answer is waited for.

use std::io;
use std::sync::Arc;

use super::prepared::{Portal, Prepared};
use super::refusals::{MOST_PARAMETERS, SINGLE_NODE_FETCH, fetch_size, too_many_parameters};
use super::report::Report;
use super::rows::{self, Column};
use super::session::{Relay, Relayed, Session};
use super::statement::Statement;
use super::wire::{Fields, body, frame, text};

impl Session {
    pub async fn extended(&mut self, tag: u8, message: &[u8]) -> io::Result<()> {
        if tag == b'S' {
            return self.sync().await;
        }
        if self.skipping {
            return Ok(());
        }
        let mut fields = Fields(message);
        match tag {
            b'P' => self.parse(&mut fields).await,
            b'B' => self.bind(&mut fields).await,
            b'D' => self.describe_named(&mut fields).await,
            b'E' => self.execute(&mut fields).await,
            b'C' => self.close(message).await,
            b'H' => self.client.flush().await,
            // Left over from a COPY that was refused.
            b'd' | b'c' | b'f' => Ok(()),
            _ => self.end(Report::fatal("08P01", format!("invalid frontend message type {tag}"))).await,
        }
    }

    async fn sync(&mut self) -> io::Result<()> {
        self.skipping = false;
        self.begin.upstream.send(b'S', b"").await?;
        self.relay_nothing(b"Z").await?;
        self.after_ready();
        Ok(())
    }

    async fn parse(&mut self, fields: &mut Fields<'_>) -> io::Result<()> {
        let (name, sql) = (fields.text()?, fields.text()?);
        let understood = self.understand(sql, true);
        if self.suspended {
            let message = "Invalid protocol sequence 'P' while in PortalSuspended state.";
            return self.refuse(Report::error("XX000", message)).await;
        }
        let statement = match understood {
            Ok(statement) => statement,
            Err(report) => return self.refuse(report).await,
        };
        let mut out = Vec::new();
        text(&mut out, &name);
        text(&mut out, &statement.behind);
        out.extend_from_slice(fields.0);
        self.ask(b'P', &out).await?;
        let relay =
            Relay { statement: &statement, formats: &[], shapes: Vec::new(), until: b"1E", strike: None };
        if self.answered(relay).await?.tag == b'1' {
            self.prepared.insert(name, Prepared { statement: Arc::new(statement), columns: None });
        }
        Ok(())
    }

    async fn bind(&mut self, fields: &mut Fields<'_>) -> io::Result<()> {
        let whole = fields.0;
        let (name, statement) = (fields.text()?, fields.text()?);
        for _ in 0..fields.i16()? {
            fields.i16()?;
        }
        let count = fields.i16()? as u16;
        if i64::from(count) > MOST_PARAMETERS {
            return self.refuse(too_many_parameters()).await;
        }
        for _ in 0..count {
            fields.value()?;
        }
        let before_formats = whole.len() - fields.0.len();
        let formats = (0..fields.i16()?).map(|_| fields.i16()).collect::<io::Result<Vec<i16>>>()?;
        let prepared = match self.prepared.get(&statement) {
            Some(prepared) => prepared.clone(),
            None => {
                let message = format!("prepared statement \"{statement}\" does not exist");
                return self.refuse(Report::error("26000", message)).await;
            }
        };
        if let Err(report) = prepared.statement.plan() {
            return self.refuse(report).await;
        }
        let Some(columns) = self.columns_of(&statement, &prepared).await? else { return Ok(()) };
        let shapes = rows::shapes(&columns, &formats, &prepared.statement, self.begin.own);
        let mut out = whole[..before_formats].to_vec();
        let behind = rows::formats_behind(&shapes, &formats);
        for number in [behind.len() as i16].iter().chain(&behind) {
            out.extend_from_slice(&number.to_be_bytes());
        }
        self.ask(b'B', &out).await?;
        if self.relay_nothing(b"2E").await?.tag == b'2' {
            self.portals.insert(name, Portal { prepared, formats, shapes, begun: false });
        }
        Ok(())
    }

    /// The columns of a parsed statement. `None`: PostgreSQL refused to say, and the client was told.
    async fn columns_of(&mut self, name: &str, prepared: &Prepared) -> io::Result<Option<Arc<Vec<Column>>>> {
        if let Some(columns) = &prepared.columns {
            return Ok(Some(Arc::clone(columns)));
        }
        let mut question = vec![b'S'];
        text(&mut question, name);
        self.ask(b'D', &question).await?;
        let columns = loop {
            let (tag, frame) = self.begin.upstream.next().await?;
            match tag {
                b'T' => break rows::columns(body(frame))?,
                b'n' => break Vec::new(),
                b'E' => {
                    let report = Report::translate(body(frame), 0, "", "")?;
                    report.write(&mut self.client.out);
                    self.skipping = true;
                    return Ok(None);
                }
                _ => {}
            }
        };
        let columns = Arc::new(columns);
        if let Some(prepared) = self.prepared.get_mut(name) {
            prepared.columns = Some(Arc::clone(&columns));
        }
        Ok(Some(columns))
    }

    async fn describe_named(&mut self, fields: &mut Fields<'_>) -> io::Result<()> {
        let message = fields.0;
        let (kind, name) = (fields.byte()?, fields.text()?);
        let none = Arc::new(Statement::default());
        let (statement, formats) = match kind {
            b'P' => self
                .portals
                .get(&name)
                .map(|portal| (Arc::clone(&portal.prepared.statement), portal.formats.clone())),
            _ => self.prepared.get(&name).map(|prepared| (Arc::clone(&prepared.statement), Vec::new())),
        }
        .unwrap_or((none, Vec::new()));
        self.ask(b'D', message).await?;
        let relay = Relay {
            statement: &statement,
            formats: &formats,
            shapes: Vec::new(),
            until: b"TnE",
            strike: None,
        };
        self.answered(relay).await.map(|_| ())
    }

    async fn execute(&mut self, fields: &mut Fields<'_>) -> io::Result<()> {
        let (name, mut limit) = (fields.text()?, fields.i32()?);
        if name.is_empty() {
            // The limit is ignored on the portal without a name.
            limit = 0;
        } else if self.client.shared.options.single_node && i64::from(limit) > SINGLE_NODE_FETCH {
            return self.refuse(fetch_size(limit.into())).await;
        }
        let Some(portal) = self.portals.get_mut(&name) else {
            return self.refuse(Report::error("34000", format!("portal \"{name}\" does not exist"))).await;
        };
        let begun = std::mem::replace(&mut portal.begun, true);
        let (statement, shapes) = (Arc::clone(&portal.prepared.statement), portal.shapes.clone());
        let strike = if begun { None } else { self.strike(&statement) };
        if let Some((failure, 0)) = strike {
            let report = failure.report(&self.begin.user, self.query);
            return self.refuse(report).await;
        }
        let mut out = Vec::new();
        text(&mut out, &name);
        out.extend_from_slice(&limit.to_be_bytes());
        self.ask(b'E', &out).await?;
        let relay = Relay { statement: &statement, formats: &[], shapes, until: b"CIsE", strike };
        let relayed = self.answered(relay).await?;
        self.suspended = relayed.tag == b's';
        if !relayed.failed {
            self.done(&statement);
        }
        Ok(())
    }

    async fn close(&mut self, message: &[u8]) -> io::Result<()> {
        let mut fields = Fields(message);
        let (kind, name) = (fields.byte()?, fields.text()?);
        if kind == b'P' {
            self.suspended &= self.portals.remove(&name).is_none();
        } else {
            self.prepared.remove(&name);
        }
        self.ask(b'C', message).await?;
        self.relay_nothing(b"3E").await.map(|_| ())
    }

    /// Sends a message, and asks for the answer at once.
    async fn ask(&mut self, tag: u8, message: &[u8]) -> io::Result<()> {
        let mut out = Vec::new();
        frame(&mut out, tag, message);
        frame(&mut out, b'H', b"");
        self.begin.upstream.send_all(&out).await
    }

    async fn relay_nothing(&mut self, until: &'static [u8]) -> io::Result<Relayed> {
        let statement = Statement::default();
        let relay = Relay { statement: &statement, formats: &[], shapes: Vec::new(), until, strike: None };
        self.answered(relay).await
    }

    async fn answered(&mut self, relay: Relay<'_>) -> io::Result<Relayed> {
        let relayed = self.relay(relay).await?;
        self.skipping |= relayed.tag == b'E';
        Ok(relayed)
    }

    /// An error in the extended protocol.
    pub async fn refuse(&mut self, report: Report) -> io::Result<()> {
        if report.is_fatal() {
            return self.end(report).await;
        }
        let mut nonsense = Vec::new();
        text(&mut nonsense, "");
        text(&mut nonsense, "!");
        nonsense.extend_from_slice(&[0, 0]);
        self.ask(b'P', &nonsense).await?;
        while self.begin.upstream.next().await?.0 != b'E' {}
        report.write(&mut self.client.out);
        self.skipping = true;
        Ok(())
    }
}
