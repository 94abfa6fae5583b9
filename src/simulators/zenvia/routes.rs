//! Which request goes where.

use std::sync::Arc;

use super::Zenvia;
use super::fields::Fields;
use super::text::{Refusal, soft_refusal};
use super::torpedoes::Kind;
use crate::simulators::control::Control;
use crate::simulators::http::{Reply, Request};
use crate::simulators::server::App;

impl App for Zenvia {
    fn control(&self) -> &Control {
        &self.control
    }

    async fn answer(self: &Arc<Self>, request: Request) -> Reply {
        let reply = match request.segments().first() {
            Some(&"rec") => self.recording_host(&request),
            _ => self.route(&request).unwrap_or_else(Reply::from),
        };
        reply.with_header("access-control-allow-origin", "*")
    }

    async fn steer(self: &Arc<Self>, request: Request) -> Option<Reply> {
        self.steered(&request)
    }

    fn failure(&self, status: u16) -> Reply {
        let (reason, message) = match status {
            200 => return soft_refusal(),
            402 => return Refusal::no_credit().into(),
            429 => return Refusal::busy().into(),
            403 => (40, "access token inválido"),
            404 => (60, "elemento não encontrado"),
            405 => (11, "parametro inválido"),
            501 => (30, "não implementado"),
            400..=499 => (100, "requisição inválida"),
            _ => (50, "erro interno"),
        };
        Refusal::new(status, reason, message).into()
    }
}

impl Zenvia {
    fn route(self: &Arc<Self>, request: &Request) -> Result<Reply, Refusal> {
        self.authorise(request)?;
        let segments = request.segments();
        let fields = || Fields::read(request);
        match (request.method.as_str(), segments.as_slice()) {
            ("POST", ["verificacao"]) => self.send_code(&fields()?),
            ("GET", ["verificacao"]) => self.check_code(request),
            (_, ["chamada", ..]) => self.route_call(request, &segments[1..]),
            (_, ["conferencia", ..]) => self.route_conference(request, &segments[1..]),
            ("GET", ["did", "relatorio"] | ["did", _, "relatorio"]) => self.report_inbound(request),
            ("GET", ["did", "chamada", id]) => self.show_inbound(id),
            ("GET", ["saldo"]) => Ok(self.show_balance()),
            ("GET", ["conta"]) => Ok(self.show_account()),
            ("GET", ["status"] | ["status", _]) => Ok(self.show_status()),
            ("GET", ["webhook"]) => Ok(self.list_webhooks()),
            ("PUT" | "DELETE", ["webhook"]) => Err(Refusal::missing("webhook")),
            ("PUT", ["webhook", name]) => self.set_webhook(name, &fields()?),
            ("DELETE", ["webhook", name]) => self.delete_webhook(name),
            (_, ["sms" | "ramal" | "fila" | "ura" | "bina" | "webphone", ..]) => {
                Err(Refusal::new(501, 30, "não implementado"))
            }
            (_, [resource, ..]) => match Kind::of(resource) {
                Some(kind) => self.route_torpedo(kind, request, &segments[1..]),
                None => Err(no_path()),
            },
            _ => Err(no_path()),
        }
    }

    /// Paths under `/chamada`; `relatorio` stands where an id would.
    fn route_call(self: &Arc<Self>, request: &Request, rest: &[&str]) -> Result<Reply, Refusal> {
        let fields = || Fields::read(request);
        match (request.method.as_str(), rest) {
            ("POST", []) => self.create_call(&fields()?),
            ("GET" | "DELETE", []) => Err(Refusal::which("chamada")),
            ("GET", ["relatorio"]) => self.report_calls(request),
            ("GET", [id]) => self.show_call(id),
            ("DELETE", [id]) => self.hang_up(id),
            ("GET", [id, "gravacao"]) => self.recording(id, request),
            ("POST", [id, "escuta"]) => self.listen(id, &fields()?),
            ("POST", [id, "transfer"]) => self.transfer(id, &fields()?),
            ("POST", [id, "avaliar"]) => self.rate(id, &fields()?),
            _ => Err(no_path()),
        }
    }

    fn route_torpedo(self: &Arc<Self>, kind: Kind, request: &Request, rest: &[&str]) -> Result<Reply, Refusal> {
        match (request.method.as_str(), rest) {
            ("POST", []) => self.create_torpedo(kind, &Fields::read(request)?),
            ("GET", []) => Err(Refusal::which(kind.resource())),
            ("GET", ["relatorio"]) => self.report_torpedoes(kind, request),
            ("GET", [id]) => self.show_torpedo(kind, id),
            _ => Err(no_path()),
        }
    }

    fn route_conference(&self, request: &Request, rest: &[&str]) -> Result<Reply, Refusal> {
        match (request.method.as_str(), rest) {
            ("POST", []) => Ok(self.open_conference()),
            ("GET" | "DELETE", []) => Err(Refusal::which("conferencia")),
            ("GET", ["relatorio"]) => self.report_conferences(request),
            ("POST", [id]) => self.join(id, &Fields::read(request)?),
            ("GET", [id]) => self.show_conference(id),
            ("DELETE", [id]) => self.close_conference(id),
            _ => Err(no_path()),
        }
    }

    fn authorise(&self, request: &Request) -> Result<(), Refusal> {
        if !request
            .header("access-token")
            .is_some_and(|token| self.control.accepts(token))
        {
            return Err(Refusal::new(403, 40, "access token inválido"));
        }
        if self.knobs().account_disabled {
            return Err(Refusal::new(403, 8, "conta desativada"));
        }
        Ok(())
    }
}

fn no_path() -> Refusal {
    Refusal::new(404, 90, "caminho não encontrado")
}
