// SPDX-License-Identifier: MIT
//
// A small but complete broker in Zig to start from, on what translate-c makes of the headers: it hands
// every message straight back to its own node and refuses payloads over a configured size. Zig 0.14.

const std = @import("std");
const c = @import("plugboard.zig");

const Template = struct {
    host: *const c.plug_host,
    max_payload: usize,
    since_ms: u64,
};

fn get(self: ?*anyopaque) *Template {
    return @ptrCast(@alignCast(self.?));
}

/// Checks the configuration and allocates. No network, no threads, no timers yet.
fn create(host: [*c]const c.plug_host, out: [*c]?*anyopaque, err: [*c]c.plug_err) callconv(.c) c.plug_status {
    const self = std.heap.c_allocator.create(Template) catch {
        err.*.code = c.PLUG_ENOMEM;
        return c.PLUG_ENOMEM;
    };
    var max_payload: i64 = 0;
    _ = host.*.cfg_i64.?(host, "max-payload", &max_payload);
    self.* = .{ .host = host, .max_payload = @intCast(max_payload), .since_ms = host.*.now_ms.?(host) };
    out.* = self;
    return c.PLUG_OK;
}

fn destroy(self: ?*anyopaque) callconv(.c) void {
    std.heap.c_allocator.destroy(get(self));
}

/// A broker with a backend subscribes there. This one leaves the look-up to deliver().
fn interest(_: ?*anyopaque, _: [*c]const c.plug_interest, _: usize, _: ?*c.plug_op) callconv(.c) c.plug_status {
    return c.PLUG_OK;
}

/// May run on several threads at once, because of PLUG_CAP_PUBLISH_ANY: it changes nothing of its own.
fn publish(this: ?*anyopaque, msg: [*c]const c.plug_msg, _: ?*c.plug_op) callconv(.c) c.plug_status {
    const self = get(this);
    if (self.max_payload > 0 and msg.*.payload.len > self.max_payload) return c.PLUG_ETOOBIG;
    const status = self.host.broker.*.deliver.?(self.host, 0, msg);
    // Dropped for those who are behind: to the sender it is published all the same.
    return if (status == c.PLUG_EUNAVAIL or status == c.PLUG_ENOMEM) c.PLUG_EAGAIN else status;
}

fn health(self: ?*anyopaque, out: [*c]c.plug_health) callconv(.c) void {
    out.*.state = c.PLUG_STATE_UP;
    out.*.since_ms = get(self).since_ms;
}

const table = c.plug_broker{
    .size = @sizeOf(c.plug_broker),
    .caps = c.PLUG_CAP_ECHO | c.PLUG_CAP_ORDERED | c.PLUG_CAP_NO_GAPS | c.PLUG_CAP_ACK | c.PLUG_CAP_PUBLISH_ANY,
    .subscribe = interest,
    .unsubscribe = interest,
    .publish = publish,
    .health = health,
};

/// What an operator may write in [broker.zig]; the server checks it against this table.
const options = [_]c.plug_option{.{
    .name = "max-payload",
    .type = c.PLUG_OPT_BYTES,
    .def = "0",
    .help = "Largest payload that is accepted; 0: any.",
}};

export const plug_plugin_entry: c.plug_plugin = .{
    .magic = c.PLUG_MAGIC,
    .abi_major = c.PLUG_ABI_MAJOR,
    .abi_minor = c.PLUG_TARGET_MINOR,
    .size = @sizeOf(c.plug_plugin),
    .id = "org.example.broker.zig",
    .version = "0.1.0",
    .summary = "a broker in Zig to start from",
    .options = &options,
    .n_options = options.len,
    .broker = &table,
    .create = create,
    .destroy = destroy,
};

fn configured(_: [*c]const c.plug_host, _: [*c]const u8, out: [*c]i64) callconv(.c) c.plug_status {
    out.* = 5;
    return c.PLUG_OK;
}

fn now(_: [*c]const c.plug_host) callconv(.c) u64 {
    return 7;
}

fn behind(_: [*c]const c.plug_host, _: u64, _: [*c]const c.plug_msg) callconv(.c) c.plug_status {
    return c.PLUG_EUNAVAIL;
}

test "payloads are limited, and those behind are no failure" {
    const up = c.plug_broker_up{ .deliver = behind };
    const host = c.plug_host{ .broker = &up, .cfg_i64 = configured, .now_ms = now };
    var self: ?*anyopaque = null;
    var err = c.plug_err{};
    try std.testing.expectEqual(c.PLUG_OK, create(&host, &self, &err));
    defer destroy(self);
    var msg = c.plug_msg{ .payload = .{ .ptr = null, .len = 5 } };
    try std.testing.expectEqual(c.PLUG_EAGAIN, publish(self, &msg, null));
    msg.payload.len = 6;
    try std.testing.expectEqual(c.PLUG_ETOOBIG, publish(self, &msg, null));
    var said = c.plug_health{};
    health(self, &said);
    try std.testing.expectEqual(7, said.since_ms);
}
