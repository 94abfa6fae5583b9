//! The people and queues of the simulated tenant, and the lists that show them.

use super::page::{self, Links, Page};
use crate::simulators::http::{Reply, Request};
use crate::simulators::json::{Object, array, optional};

/// An agent of the tenant.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) id: u64,
    pub(super) login: &'static str,
    pub(super) name: &'static str,
    queues: &'static [u64],
    /// The extension of an agent who is logged in.
    extension: Option<&'static str>,
    archived: bool,
}

impl Agent {
    pub(super) const fn is_logged_in(&self) -> bool {
        self.extension.is_some()
    }

    /// The number of the extension the agent is logged in at; empty when logged out.
    pub(super) fn extension_number(&self) -> String {
        self.extension
            .and_then(|extension| extension.strip_prefix("sip/"))
            .unwrap_or_default()
            .to_owned()
    }
}

/// A queue of the tenant.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) id: u64,
    pub(super) name: &'static str,
    pub(super) slug: &'static str,
    number: &'static str,
    public_number: Option<&'static str>,
    archived: bool,
}

pub(super) const AGENTS: [Agent; 4] = [
    Agent {
        id: 149,
        login: "john.snow",
        name: "João Neves",
        queues: &[12, 14],
        extension: Some("sip/3012"),
        archived: false,
    },
    Agent {
        id: 150,
        login: "maria.luz",
        name: "Maria Luz",
        queues: &[12],
        extension: Some("sip/3013"),
        archived: false,
    },
    Agent {
        id: 163,
        login: "ana.dias",
        name: "Ana Dias",
        queues: &[14],
        extension: None,
        archived: false,
    },
    Agent {
        id: 98,
        login: "rui.paz",
        name: "Rui Paz",
        queues: &[],
        extension: None,
        archived: true,
    },
];

pub(super) const QUEUES: [Queue; 3] = [
    Queue {
        id: 12,
        name: "Suporte",
        slug: "suporte",
        number: "1234",
        public_number: Some("8433330000"),
        archived: false,
    },
    Queue {
        id: 14,
        name: "Vendas",
        slug: "vendas",
        number: "1235",
        public_number: None,
        archived: false,
    },
    Queue {
        id: 9,
        name: "Cobrança",
        slug: "cobranca",
        number: "1230",
        public_number: None,
        archived: true,
    },
];

/// The queues of the one queue group there is.
pub(super) const QUEUE_GROUP: (u64, [u64; 2]) = (65, [12, 14]);

/// Finds the agent with this login.
pub(super) fn agent_by_login(login: &str) -> Option<&'static Agent> {
    AGENTS.iter().find(|agent| agent.login == login)
}

/// Lists the agents, archived ones included. Here the links keep the limit, and `max_limit` repeats it.
pub(super) fn agents(request: &Request) -> Reply {
    let page = Page::of(request);
    let rows = page.cut(&AGENTS);
    let query = [("limit".to_owned(), page.limit.to_string())];
    let links = Links {
        path: "/api/v1/agents/",
        max_limit: page.limit,
        query: &query,
    };
    page::listed(
        links.pagination(page, rows.len(), AGENTS.len()),
        array(rows.iter().map(agent)),
    )
}

fn agent(agent: &Agent) -> String {
    let login = agent.extension.map(|extension| {
        Object::new()
            .text("exten", extension)
            .raw("time_logoff", "null")
            .raw("id", 7000 + agent.id)
            .text("time_login", "2021-10-28T11:00:02+00:00")
            .done()
    });
    Object::new()
        .raw("archived", agent.archived)
        .raw("enable", !agent.archived)
        .text("name", agent.name)
        .raw("queues", array(agent.queues))
        .raw("current_extension", optional(agent.extension))
        .raw("last_pause", "null")
        .raw("last_login", login.unwrap_or_else(|| "null".to_owned()))
        .raw("current_pause", "null")
        .text("login", agent.login)
        .raw("current_outbound_queue", "null")
        .raw("id", agent.id)
        .done()
}

/// Lists the queues, archived ones only with `include_archived=true`. Not paginated.
pub(super) fn queues(request: &Request) -> Reply {
    let listed = QUEUES
        .iter()
        .filter(|queue| !queue.archived || archived_wanted(request));
    page::ok(Some(array(listed.map(queue))))
}

/// Shows one queue.
pub(super) fn one_queue(request: &Request, id: &str) -> Reply {
    match QUEUES.iter().find(|queue| queue.id.to_string() == id) {
        None => page::refused(404, "Queue not found"),
        Some(queue) if queue.archived && !archived_wanted(request) => {
            page::refused(422, "Queue archived not requested")
        }
        Some(found) => page::ok(Some(queue(found))),
    }
}

fn archived_wanted(request: &Request) -> bool {
    request.query("include_archived") == Some("true")
}

fn queue(queue: &Queue) -> String {
    Object::new()
        .raw("id", queue.id)
        .text("name", queue.name)
        .text("slug", queue.slug)
        .text("number", queue.number)
        .text_or_null("public_number", queue.public_number)
        .done()
}
