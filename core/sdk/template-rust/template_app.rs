// SPDX-License-Identifier: MIT
//
// A small but complete application in Rust to start from: what is sent to /rooms/ROOM below the
// application prefix is published to /topic/rooms/ROOM with the sender's name before it. It needs the
// standard library only, and Rust 1.63.

mod plugboard;

use plugboard::*;
use std::ptr::null;

struct Template {
    host: *const plug_host,
    max_text: usize,
}

/// What is published, or why not.
fn room_message(user: &[u8], room: &[u8], body: &[u8], max_text: usize) -> Result<(Vec<u8>, Vec<u8>), &'static str> {
    if body.len() > max_text {
        return Err("a message of a room is too long");
    }
    Ok(([b"/topic/rooms/", room].concat(), [user, b": ", body].concat()))
}

/// Checks the configuration and allocates. No network, no threads, no timers yet.
unsafe extern "C" fn create(host: *const plug_host, out: *mut *mut c_void, _err: *mut plug_err) -> plug_status {
    let mut max_text = 0;
    ((*host).cfg_i64.unwrap())(host, b"max-text\0".as_ptr() as *const c_char, &mut max_text);
    *out = Box::into_raw(Box::new(Template { host, max_text: max_text as usize })) as *mut c_void;
    PLUG_OK
}

unsafe extern "C" fn destroy(this: *mut c_void) {
    drop(Box::from_raw(this as *mut Template));
}

static CLAIMS: [plug_claim; 1] = [plug_claim { pattern: text("/rooms/{room}"), actions: PLUG_APP_SEND, reserved: 0 }];

unsafe extern "C" fn claims(_this: *mut c_void, out: *mut plug_app_claims) {
    (*out).claims = CLAIMS.as_ptr();
    (*out).n_claims = CLAIMS.len();
}

/// Everything of an answer is copied, so that it may live on the stack.
unsafe extern "C" fn request(this: *mut c_void, request: *const plug_app_request, op: *mut plug_op) -> plug_status {
    let (this, request) = (&*(this as *const Template), &*request);
    let answer = (*(*this.host).app).answer.unwrap();
    let user = if request.who.is_null() { b"somebody" } else { bytes((*request.who).user) };
    let size = std::mem::size_of::<plug_app_answer>() as u32;
    match room_message(user, bytes((*request.variables).value), bytes(request.body), this.max_text) {
        Ok((destination, body)) => {
            let message = plug_app_message {
                destination: lend(&destination),
                content_type: text("text/plain"),
                body: lend(&body),
                headers: null(),
                n_headers: 0,
            };
            answer(op, &plug_app_answer { size, reserved: 0, publishes: &message, n_publishes: 1, reply: null(), error: null() });
        }
        Err(reason) => {
            let error = plug_app_error {
                size: std::mem::size_of::<plug_app_error>() as u32,
                reserved: 0,
                code: text("too-long"),
                reason: text(reason),
                detail: NOTHING,
            };
            answer(op, &plug_app_answer { size, reserved: 0, publishes: null(), n_publishes: 0, reply: null(), error: &error });
        }
    }
    PLUG_PENDING
}

static TABLE: plug_app = plug_app {
    size: std::mem::size_of::<plug_app>() as u32,
    flags: 0,
    claims: Some(claims),
    request: Some(request),
    event: None,
};

/// What an operator may write in [app.rust]; the server checks it against this table.
static OPTIONS: [plug_option; 1] = [plug_option {
    name: b"max-text\0".as_ptr() as *const c_char,
    r#type: PLUG_OPT_BYTES as u32,
    flags: 0,
    def: b"1k\0".as_ptr() as *const c_char,
    range: null(),
    help: b"Longest text of a message.\0".as_ptr() as *const c_char,
}];

#[no_mangle]
pub static plug_plugin_entry: plug_plugin = plug_plugin {
    magic: PLUG_MAGIC,
    abi_major: PLUG_ABI_MAJOR as u16,
    abi_minor: PLUG_ABI_MINOR as u16,
    size: std::mem::size_of::<plug_plugin>() as u32,
    flags: 0,
    id: b"org.example.app.rust\0".as_ptr() as *const c_char,
    version: b"0.1.0\0".as_ptr() as *const c_char,
    summary: b"an application in Rust to start from\0".as_ptr() as *const c_char,
    build: null(),
    options: OPTIONS.as_ptr(),
    n_options: OPTIONS.len(),
    broker: null(),
    auth: null(),
    app: &TABLE,
    create: Some(create),
    start: None,
    drain: None,
    stop: None,
    destroy: Some(destroy),
    cancel: None,
    extension: None,
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr::null_mut;

    unsafe extern "C" fn configured(_: *const plug_host, _: *const c_char, out: *mut i64) -> plug_status {
        *out = 5;
        PLUG_OK
    }

    static mut ANSWERED: Vec<u8> = Vec::new();

    unsafe extern "C" fn answered(_: *mut plug_op, answer: *const plug_app_answer) {
        let answer = &*answer;
        ANSWERED = match answer.error.is_null() {
            true => bytes((*answer.publishes).body).to_vec(),
            false => bytes((*answer.error).code).to_vec(),
        };
    }

    #[test]
    fn a_message_carries_its_sender() {
        let (destination, body) = room_message(b"ann", b"attic", b"hello", 5).unwrap();
        assert_eq!((&destination[..], &body[..]), (&b"/topic/rooms/attic"[..], &b"ann: hello"[..]));
        assert!(room_message(b"ann", b"attic", b"hello!", 5).is_err());
    }

    #[test]
    fn requests_are_answered() {
        unsafe {
            let up = plug_app_up { answer: Some(answered), ..std::mem::zeroed() };
            let host = plug_host { app: &up, cfg_i64: Some(configured), ..std::mem::zeroed() };
            let mut this = null_mut();
            assert_eq!(create(&host, &mut this, null_mut()), PLUG_OK);
            let room = plug_kv { key: text("room"), value: text("attic") };
            let mut asked: plug_app_request = std::mem::zeroed();
            asked.variables = &room;
            asked.n_variables = 1;
            for (body, answer) in [("hello", "somebody: hello"), ("hello!", "too-long")] {
                asked.body = text(body);
                assert_eq!(request(this, &asked, null_mut()), PLUG_PENDING);
                assert_eq!(*std::ptr::addr_of!(ANSWERED), answer.as_bytes());
            }
            destroy(this);
        }
    }
}
