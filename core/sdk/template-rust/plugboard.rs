// SPDX-License-Identifier: MIT
//
// plugboard.rs: the headers of the Plugboard plugin ABI, minor 4, in Rust; without the extensions. What
// everything means is said in the headers themselves: plugboard/abi.h, host.h, broker.h, auth.h, app.h,
// plugin.h. A plugin that is written with it runs on servers of that minor and of later ones.
//
// Constants are integers and callbacks Option, since a value that an enum does not know and a function
// that is NULL are undefined behaviour in Rust. No panic may leave a callback: build with panic=abort, or
// catch it.
#![allow(dead_code, non_camel_case_types)]

pub use std::ffi::c_void;
pub use std::os::raw::c_char;

pub type plug_status = i32;
pub type plug_fn = Option<unsafe extern "C" fn(*mut c_void)>;
pub type plug_io_fn = Option<unsafe extern "C" fn(*mut c_void, i32, u32)>;
pub type plug_app_published_fn = Option<unsafe extern "C" fn(*mut c_void, plug_status)>;

pub const PLUG_ABI_MAJOR: i32 = 0;
pub const PLUG_ABI_MINOR: i32 = 4;
pub const PLUG_MAGIC: u32 = 826428496;
pub const PLUG_OK: i32 = 0;
pub const PLUG_PENDING: i32 = 1;
pub const PLUG_ALLOW: i32 = 2;
pub const PLUG_DENY: i32 = 3;
pub const PLUG_DEFER: i32 = 4;
pub const PLUG_EAGAIN: i32 = -1;
pub const PLUG_EINVAL: i32 = -2;
pub const PLUG_ENOMEM: i32 = -3;
pub const PLUG_ENOTSUP: i32 = -4;
pub const PLUG_ESTATE: i32 = -5;
pub const PLUG_ETIMEDOUT: i32 = -6;
pub const PLUG_ECANCELED: i32 = -7;
pub const PLUG_EUNAVAIL: i32 = -8;
pub const PLUG_ETOOBIG: i32 = -9;
pub const PLUG_EDENIED: i32 = -10;
pub const PLUG_EINTERNAL: i32 = -11;
pub const PLUG_LOG_DEBUG: i32 = 0;
pub const PLUG_LOG_INFO: i32 = 1;
pub const PLUG_LOG_WARN: i32 = 2;
pub const PLUG_LOG_ERROR: i32 = 3;
pub const PLUG_LOG_VIOLATION: i32 = 4;
pub const PLUG_IO_READ: u32 = 1;
pub const PLUG_IO_WRITE: u32 = 2;
pub const PLUG_MSG_BINARY: u32 = 1;
pub const PLUG_STAGE_HANDSHAKE: i32 = 1;
pub const PLUG_STAGE_CONNECT: i32 = 2;
pub const PLUG_STAGE_REFRESH: i32 = 3;
pub const PLUG_SUBSCRIBE: i32 = 1;
pub const PLUG_PUBLISH: i32 = 2;
pub const PLUG_AUTHORIZE_ANY: u32 = 1;
pub const PLUG_IDENTITY_LIMITED: u32 = 1;
pub const PLUG_AUTHZ_PATTERN: u32 = 1;
pub const PLUG_SCOPE_TOPIC: i32 = 0;
pub const PLUG_SCOPE_PREFIX: i32 = 1;
pub const PLUG_SCOPE_SESSION: i32 = 2;
pub const PLUG_APP_SEND: u32 = 1;
pub const PLUG_APP_SUBSCRIBE: u32 = 2;
pub const PLUG_APP_VARIABLES_MAX: i32 = 8;
pub const PLUG_APP_SUBSCRIBED: u32 = 1;
pub const PLUG_APP_UNSUBSCRIBED: u32 = 2;
pub const PLUG_APP_DISCONNECTED: u32 = 3;
pub const PLUG_APP_STANDING: u32 = 1;
pub const PLUG_APP_ANY: u32 = 1;
pub const PLUG_CAP_CROSS_NODE: u32 = 1;
pub const PLUG_CAP_ECHO: u32 = 2;
pub const PLUG_CAP_PATTERN: u32 = 4;
pub const PLUG_CAP_ORDERED: u32 = 8;
pub const PLUG_CAP_ACK: u32 = 16;
pub const PLUG_CAP_NO_GAPS: u32 = 32;
pub const PLUG_CAP_PUBLISH_ANY: u32 = 64;
pub const PLUG_CAP_DIRECT: u32 = 128;
pub const PLUG_INTEREST_PATTERN: u32 = 1;
pub const PLUG_STATE_UP: i32 = 0;
pub const PLUG_STATE_DOWN: i32 = 1;
pub const PLUG_STATE_STARTING: i32 = 2;
pub const PLUG_INTERESTS_LOST: u32 = 1;
pub const PLUG_OPT_STRING: i32 = 1;
pub const PLUG_OPT_INTEGER: i32 = 2;
pub const PLUG_OPT_BOOL: i32 = 3;
pub const PLUG_OPT_DURATION: i32 = 4;
pub const PLUG_OPT_BYTES: i32 = 5;
pub const PLUG_OPT_PATH: i32 = 6;
pub const PLUG_OPT_HOSTPORT: i32 = 7;
pub const PLUG_OPT_LIST: i32 = 8;
pub const PLUG_OPT_SECRET: i32 = 9;
pub const PLUG_OPT_CHOICE: i32 = 10;
pub const PLUG_OPT_REQUIRED: u32 = 1;
pub const PLUG_ID_MAX: i32 = 64;
pub const PLUG_CODE_EXPIRED: &str = "token-expired";
pub const PLUG_CODE_FAILED: &str = "authentication-failed";
pub const PLUG_CODE_BUSY: &str = "authentication-busy";

#[repr(C)]
pub struct plug_io {
    _private: [u8; 0],
}

#[repr(C)]
pub struct plug_timer {
    _private: [u8; 0],
}

#[repr(C)]
pub struct plug_op {
    _private: [u8; 0],
}

// ---- plugboard/abi.h

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_str {
    pub ptr: *const c_char,
    pub len: usize,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_kv {
    pub key: plug_str,
    pub value: plug_str,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_err {
    pub code: i32,
    pub text: [c_char; 252],
}

// ---- plugboard/host.h

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_position {
    pub offset: u64,
    pub epoch: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_msg {
    pub size: u32,
    pub flags: u32,
    pub id: u64,
    pub topic: plug_str,
    pub content_type: plug_str,
    pub origin: plug_str,
    pub payload: plug_str,
    pub headers: *const plug_kv,
    pub n_headers: usize,
    pub pos: plug_position,
    pub keep: u32,
    pub keep_s: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_msg_init {
    pub size: u32,
    pub flags: u32,
    pub topic: plug_str,
    pub content_type: plug_str,
    pub payload: plug_str,
    pub headers: *const plug_kv,
    pub n_headers: usize,
    pub pos: plug_position,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_host {
    pub size: u32,
    pub abi_major: u16,
    pub abi_minor: u16,
    pub server: *const c_char,
    pub instance: *const c_char,
    pub node: *const c_char,
    pub broker: *const plug_broker_up,
    pub auth: *const plug_auth_up,
    pub log_on: Option<unsafe extern "C" fn(*const plug_host, i32) -> i32>,
    pub log: Option<unsafe extern "C" fn(*const plug_host, i32, plug_str)>,
    pub cfg_str: Option<unsafe extern "C" fn(*const plug_host, *const c_char, *mut plug_str) -> plug_status>,
    pub cfg_i64: Option<unsafe extern "C" fn(*const plug_host, *const c_char, *mut i64) -> plug_status>,
    pub now_ms: Option<unsafe extern "C" fn(*const plug_host) -> u64>,
    pub on_home: Option<unsafe extern "C" fn(*const plug_host) -> i32>,
    pub post: Option<unsafe extern "C" fn(*const plug_host, plug_fn, *mut c_void) -> plug_status>,
    pub io_open: Option<unsafe extern "C" fn(*const plug_host, i32, u32, plug_io_fn, *mut c_void) -> *mut plug_io>,
    pub io_want: Option<unsafe extern "C" fn(*mut plug_io, u32)>,
    pub io_close: Option<unsafe extern "C" fn(*mut plug_io)>,
    pub timer_new: Option<unsafe extern "C" fn(*const plug_host, plug_fn, *mut c_void) -> *mut plug_timer>,
    pub timer_set: Option<unsafe extern "C" fn(*mut plug_timer, u64)>,
    pub timer_stop: Option<unsafe extern "C" fn(*mut plug_timer)>,
    pub timer_free: Option<unsafe extern "C" fn(*mut plug_timer)>,
    pub op_done: Option<unsafe extern "C" fn(*mut plug_op, plug_status, plug_str)>,
    pub op_deadline_ms: Option<unsafe extern "C" fn(*const plug_op) -> u64>,
    pub msg_make: Option<unsafe extern "C" fn(*const plug_host, *const plug_msg_init) -> *const plug_msg>,
    pub msg_decode: Option<unsafe extern "C" fn(*const plug_host, plug_str) -> *const plug_msg>,
    pub msg_encode: Option<unsafe extern "C" fn(*const plug_msg) -> plug_str>,
    pub msg_ref: Option<unsafe extern "C" fn(*const plug_msg)>,
    pub msg_unref: Option<unsafe extern "C" fn(*const plug_msg)>,
    pub extension: Option<unsafe extern "C" fn(*const plug_host, *const c_char) -> *const c_void>,
    pub app: *const plug_app_up,
}

// ---- plugboard/broker.h

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_interest {
    pub id: u64,
    pub topic: plug_str,
    pub flags: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_health {
    pub size: u32,
    pub state: i32,
    pub since_ms: u64,
    pub rtt_us: u32,
    pub text: [c_char; 108],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_broker {
    pub size: u32,
    pub caps: u32,
    pub max_payload: u64,
    pub subscribe: Option<unsafe extern "C" fn(*mut c_void, *const plug_interest, usize, *mut plug_op) -> plug_status>,
    pub unsubscribe: Option<unsafe extern "C" fn(*mut c_void, *const plug_interest, usize, *mut plug_op) -> plug_status>,
    pub publish: Option<unsafe extern "C" fn(*mut c_void, *const plug_msg, *mut plug_op) -> plug_status>,
    pub health: Option<unsafe extern "C" fn(*mut c_void, *mut plug_health)>,
    pub flow: Option<unsafe extern "C" fn(*mut c_void, i32)>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_broker_up {
    pub size: u32,
    pub reserved: u32,
    pub deliver: Option<unsafe extern "C" fn(*const plug_host, u64, *const plug_msg) -> plug_status>,
    pub state: Option<unsafe extern "C" fn(*const plug_host, i32, u32, plug_str)>,
}

// ---- plugboard/auth.h

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_auth_request {
    pub size: u32,
    pub stage: i32,
    pub session: u64,
    pub peer: plug_str,
    pub vhost: plug_str,
    pub path: plug_str,
    pub query: plug_str,
    pub subprotocol: plug_str,
    pub tls_subject: plug_str,
    pub login: plug_str,
    pub passcode: plug_str,
    pub headers: *const plug_kv,
    pub n_headers: usize,
    pub http_headers: *const plug_kv,
    pub n_http_headers: usize,
    pub body: plug_str,
    pub who: *const plug_identity,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_permission {
    pub actions: u32,
    pub reserved: u32,
    pub pattern: plug_str,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_identity {
    pub size: u32,
    pub flags: u32,
    pub user: plug_str,
    pub roles: *const plug_str,
    pub n_roles: usize,
    pub attrs: *const plug_kv,
    pub n_attrs: usize,
    pub expires_unix_ms: i64,
    pub ctx: *mut c_void,
    pub permissions: *const plug_permission,
    pub n_permissions: usize,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_refusal {
    pub size: u32,
    pub reserved: u32,
    pub code: plug_str,
    pub reason: plug_str,
    pub detail: plug_str,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_authz_request {
    pub size: u32,
    pub action: i32,
    pub session: u64,
    pub who: *const plug_identity,
    pub topic: plug_str,
    pub flags: u32,
    pub reserved: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_decision {
    pub size: u32,
    pub scope: u32,
    pub cache_ms: u32,
    pub reserved: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_credentials {
    pub size: u32,
    pub reserved: u32,
    pub headers: *const plug_str,
    pub n_headers: usize,
    pub max_bytes: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_auth {
    pub size: u32,
    pub flags: u32,
    pub authenticate: Option<unsafe extern "C" fn(*mut c_void, *const plug_auth_request, *mut plug_op) -> plug_status>,
    pub authorize: Option<unsafe extern "C" fn(*mut c_void, *const plug_authz_request, *mut plug_decision, *mut plug_op) -> plug_status>,
    pub session_end: Option<unsafe extern "C" fn(*mut c_void, *mut c_void)>,
    pub credentials: Option<unsafe extern "C" fn(*mut c_void, *mut plug_credentials)>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_auth_up {
    pub size: u32,
    pub reserved: u32,
    pub grant: Option<unsafe extern "C" fn(*mut plug_op, *const plug_identity)>,
    pub decide: Option<unsafe extern "C" fn(*mut plug_op, plug_status, *const plug_decision)>,
    pub refuse: Option<unsafe extern "C" fn(*mut plug_op, *const plug_refusal)>,
}

// ---- plugboard/app.h

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_claim {
    pub pattern: plug_str,
    pub actions: u32,
    pub reserved: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_app_claims {
    pub size: u32,
    pub reserved: u32,
    pub claims: *const plug_claim,
    pub n_claims: usize,
    pub watches: *const plug_str,
    pub n_watches: usize,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_app_request {
    pub size: u32,
    pub action: u32,
    pub session: u64,
    pub session_id: plug_str,
    pub who: *const plug_identity,
    pub destination: plug_str,
    pub path: plug_str,
    pub claim: usize,
    pub variables: *const plug_kv,
    pub n_variables: usize,
    pub headers: *const plug_kv,
    pub n_headers: usize,
    pub content_type: plug_str,
    pub body: plug_str,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_app_message {
    pub destination: plug_str,
    pub content_type: plug_str,
    pub body: plug_str,
    pub headers: *const plug_kv,
    pub n_headers: usize,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_app_error {
    pub size: u32,
    pub reserved: u32,
    pub code: plug_str,
    pub reason: plug_str,
    pub detail: plug_str,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_app_answer {
    pub size: u32,
    pub reserved: u32,
    pub publishes: *const plug_app_message,
    pub n_publishes: usize,
    pub reply: *const plug_app_message,
    pub error: *const plug_app_error,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_app_event {
    pub size: u32,
    pub kind: u32,
    pub session: u64,
    pub session_id: plug_str,
    pub who: *const plug_identity,
    pub subscription: plug_str,
    pub destination: plug_str,
    pub watch: usize,
    pub variables: *const plug_kv,
    pub n_variables: usize,
    pub flags: u32,
    pub reserved: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_app {
    pub size: u32,
    pub flags: u32,
    pub claims: Option<unsafe extern "C" fn(*mut c_void, *mut plug_app_claims)>,
    pub request: Option<unsafe extern "C" fn(*mut c_void, *const plug_app_request, *mut plug_op) -> plug_status>,
    pub event: Option<unsafe extern "C" fn(*mut c_void, *const plug_app_event)>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_app_up {
    pub size: u32,
    pub reserved: u32,
    pub answer: Option<unsafe extern "C" fn(*mut plug_op, *const plug_app_answer)>,
    pub publish: Option<unsafe extern "C" fn(*const plug_host, *const plug_app_message, plug_app_published_fn, *mut c_void) -> plug_status>,
    pub publish_local: Option<unsafe extern "C" fn(*const plug_host, *const plug_app_message, u64, plug_str) -> plug_status>,
    pub check: Option<unsafe extern "C" fn(*const plug_host, *const plug_app_message) -> plug_status>,
}

// ---- plugboard/plugin.h

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_option {
    pub name: *const c_char,
    pub r#type: u32,
    pub flags: u32,
    pub def: *const c_char,
    pub range: *const c_char,
    pub help: *const c_char,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct plug_plugin {
    pub magic: u32,
    pub abi_major: u16,
    pub abi_minor: u16,
    pub size: u32,
    pub flags: u32,
    pub id: *const c_char,
    pub version: *const c_char,
    pub summary: *const c_char,
    pub build: *const c_char,
    pub options: *const plug_option,
    pub n_options: usize,
    pub broker: *const plug_broker,
    pub auth: *const plug_auth,
    pub app: *const plug_app,
    pub create: Option<unsafe extern "C" fn(*const plug_host, *mut *mut c_void, *mut plug_err) -> plug_status>,
    pub start: Option<unsafe extern "C" fn(*mut c_void, *mut plug_op) -> plug_status>,
    pub drain: Option<unsafe extern "C" fn(*mut c_void, *mut plug_op) -> plug_status>,
    pub stop: Option<unsafe extern "C" fn(*mut c_void, *mut plug_op) -> plug_status>,
    pub destroy: Option<unsafe extern "C" fn(*mut c_void)>,
    pub cancel: Option<unsafe extern "C" fn(*mut c_void, *mut plug_op)>,
    pub extension: Option<unsafe extern "C" fn(*mut c_void, *const c_char) -> *const c_void>,
}

// ---- what constant data and strings need in Rust

macro_rules! shared {
    ($($table:ident),*) => { $(unsafe impl Sync for $table {})* };
}
shared!(plug_plugin, plug_broker, plug_auth, plug_app, plug_option, plug_claim, plug_str, plug_credentials);

/// A string of the program, as the ABI has it.
pub const fn text(from: &'static str) -> plug_str {
    plug_str { ptr: from.as_ptr() as *const c_char, len: from.len() }
}

/// What the server has lent for the length of a call.
///
/// # Safety
/// `from` must be as the headers promise it, and the result must not be kept.
pub unsafe fn bytes<'a>(from: plug_str) -> &'a [u8] {
    if from.len == 0 {
        &[]
    } else {
        std::slice::from_raw_parts(from.ptr as *const u8, from.len)
    }
}

/// A string that lives long enough, for the length of a call.
pub fn lend(from: &[u8]) -> plug_str {
    plug_str { ptr: from.as_ptr() as *const c_char, len: from.len() }
}

pub const NOTHING: plug_str = plug_str { ptr: std::ptr::null(), len: 0 };
