// SPDX-License-Identifier: MIT
//
// A small but complete broker in Rust to start from, on bindings that bindgen makes of the headers: it
// hands every message straight back to its own node, refuses payloads over a configured size and counts.
// It needs the standard library only, Rust 1.63 and bindgen 0.60.

#[allow(dead_code, non_camel_case_types, non_snake_case, non_upper_case_globals)]
mod bindings {
    include!("bindings.rs");
}

use bindings::*;
use std::ffi::c_void;
use std::os::raw::c_char;
use std::ptr::null;

struct Template {
    host: *const plug_host,
    metrics: *const plug_metrics, // NULL on a server without this extension
    published: *mut plug_metric,
    max_payload: usize,
    since_ms: u64,
}

const OK: plug_status = PLUG_OK as plug_status;

/// Checks the configuration and allocates. No network, no threads, no timers yet.
unsafe extern "C" fn create(host: *const plug_host, out: *mut *mut c_void, _err: *mut plug_err) -> plug_status {
    let mut max_payload = 0;
    ((*host).cfg_i64.unwrap())(host, b"max-payload\0".as_ptr() as *const c_char, &mut max_payload);
    let metrics = ((*host).extension.unwrap())(host, PLUG_EXT_METRICS.as_ptr() as *const c_char) as *const plug_metrics;
    let mut published = std::ptr::null_mut();
    if !metrics.is_null() {
        let (name, help) = (b"published\0", b"messages published\0");
        published = ((*metrics).counter.unwrap())(host, name.as_ptr() as *const c_char, help.as_ptr() as *const c_char);
    }
    let since_ms = ((*host).now_ms.unwrap())(host);
    *out = Box::into_raw(Box::new(Template { host, metrics, published, max_payload: max_payload as usize, since_ms })) as *mut c_void;
    OK
}

unsafe extern "C" fn destroy(this: *mut c_void) {
    drop(Box::from_raw(this as *mut Template));
}

/// A broker with a backend subscribes there. This one leaves the look-up to deliver().
unsafe extern "C" fn interest(_this: *mut c_void, _v: *const plug_interest, _n: usize, _op: *mut plug_op) -> plug_status {
    OK
}

/// May run on several threads at once, because of PLUG_CAP_PUBLISH_ANY: it changes nothing of its own.
unsafe extern "C" fn publish(this: *mut c_void, msg: *const plug_msg, _op: *mut plug_op) -> plug_status {
    let this = &*(this as *const Template);
    if this.max_payload > 0 && (*msg).payload.len > this.max_payload {
        return PLUG_ETOOBIG;
    }
    if !this.published.is_null() {
        ((*this.metrics).add.unwrap())(this.published, 1);
    }
    let status = ((*(*this.host).broker).deliver.unwrap())(this.host, 0, msg);
    // Dropped for those who are behind: to the sender it is published all the same.
    if status == PLUG_EUNAVAIL || status == PLUG_ENOMEM { PLUG_EAGAIN } else { status }
}

unsafe extern "C" fn health(this: *mut c_void, out: *mut plug_health) {
    (*out).state = PLUG_STATE_UP as _;
    (*out).since_ms = (*(this as *const Template)).since_ms;
}

/// Constant data may be read by every thread.
#[repr(transparent)]
pub struct Shared<T>(T);
unsafe impl<T> Sync for Shared<T> {}

static TABLE: Shared<plug_broker> = Shared(plug_broker {
    size: std::mem::size_of::<plug_broker>() as u32,
    caps: (PLUG_CAP_ECHO | PLUG_CAP_ORDERED | PLUG_CAP_NO_GAPS | PLUG_CAP_ACK | PLUG_CAP_PUBLISH_ANY) as u32,
    max_payload: 0,
    subscribe: Some(interest),
    unsubscribe: Some(interest),
    publish: Some(publish),
    health: Some(health),
    flow: None,
});

/// What an operator may write in [broker.rust]; the server checks it against this table.
static OPTIONS: Shared<[plug_option; 1]> = Shared([plug_option {
    name: b"max-payload\0".as_ptr() as *const c_char,
    type_: PLUG_OPT_BYTES as u32,
    flags: 0,
    def: b"0\0".as_ptr() as *const c_char,
    range: null(),
    help: b"Largest payload that is accepted; 0: any.\0".as_ptr() as *const c_char,
}]);

#[no_mangle]
#[allow(non_upper_case_globals)]
pub static plug_plugin_entry: Shared<plug_plugin> = Shared(plug_plugin {
    magic: PLUG_MAGIC as u32,
    abi_major: PLUG_ABI_MAJOR as u16,
    abi_minor: PLUG_TARGET_MINOR as u16,
    size: std::mem::size_of::<plug_plugin>() as u32,
    flags: 0,
    id: b"org.example.broker.rust\0".as_ptr() as *const c_char,
    version: b"0.1.0\0".as_ptr() as *const c_char,
    summary: b"a broker in Rust to start from\0".as_ptr() as *const c_char,
    build: null(),
    options: OPTIONS.0.as_ptr(),
    n_options: 1,
    broker: &TABLE.0,
    auth: null(),
    app: null(),
    create: Some(create),
    start: None,
    drain: None,
    stop: None,
    destroy: Some(destroy),
    cancel: None,
    extension: None,
});

#[cfg(test)]
mod tests {
    use super::*;

    unsafe extern "C" fn configured(_: *const plug_host, _: *const c_char, out: *mut i64) -> plug_status {
        *out = 5;
        OK
    }
    unsafe extern "C" fn no_extension(_: *const plug_host, _: *const c_char) -> *const c_void {
        null()
    }
    unsafe extern "C" fn now(_: *const plug_host) -> u64 {
        7
    }
    unsafe extern "C" fn deliver(_: *const plug_host, _: u64, _: *const plug_msg) -> plug_status {
        PLUG_EUNAVAIL
    }

    #[test]
    fn payloads_are_limited_and_those_behind_are_no_failure() {
        unsafe {
            let mut up: plug_broker_up = std::mem::zeroed();
            up.deliver = Some(deliver);
            let mut host: plug_host = std::mem::zeroed();
            host.broker = &up;
            host.cfg_i64 = Some(configured);
            host.extension = Some(no_extension);
            host.now_ms = Some(now);
            let mut this = std::ptr::null_mut();
            assert_eq!(create(&host, &mut this, std::ptr::null_mut()), OK);
            let mut msg: plug_msg = std::mem::zeroed();
            msg.payload.len = 5;
            assert_eq!(publish(this, &msg, std::ptr::null_mut()), PLUG_EAGAIN);
            msg.payload.len = 6;
            assert_eq!(publish(this, &msg, std::ptr::null_mut()), PLUG_ETOOBIG);
            let mut said: plug_health = std::mem::zeroed();
            health(this, &mut said);
            assert_eq!(said.since_ms, 7);
            destroy(this);
        }
    }
}
