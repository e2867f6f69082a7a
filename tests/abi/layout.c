/* The layout of every public struct on LP64. A line that fails here is a change of the plugin ABI:
 * it needs a new minor (a member added at the tail of a table that may grow) or a new major. */
#include <plugboard/ext/auth.h>
#include <plugboard/ext/config.h>
#include <plugboard/ext/foreign.h>
#include <plugboard/ext/metrics.h>
#include <plugboard/ext/presence.h>
#include <plugboard/ext/proof.h>
#include <plugboard/ext/workpool.h>
#include <plugboard/plugin.h>

#define SIZE(type, bytes)                                                                       \
  _Static_assert(sizeof(struct type) == (bytes), "the size of struct " #type " is part of the " \
                                                 "ABI")
#define OFFSET(type, member, bytes)                        \
  _Static_assert(offsetof(struct type, member) == (bytes), \
                 "the place of " #type "." #member " is part of the ABI")

#if !defined(__LP64__)
#error "the numbers below are those of LP64"
#endif

SIZE(plug_str, 16);
OFFSET(plug_str, ptr, 0);
OFFSET(plug_str, len, 8);

SIZE(plug_kv, 32);
OFFSET(plug_kv, key, 0);
OFFSET(plug_kv, value, 16);

SIZE(plug_err, 256);
OFFSET(plug_err, code, 0);
OFFSET(plug_err, text, 4);

SIZE(plug_position, 16);
OFFSET(plug_position, offset, 0);
OFFSET(plug_position, epoch, 8);

SIZE(plug_msg, 120);
OFFSET(plug_msg, size, 0);
OFFSET(plug_msg, flags, 4);
OFFSET(plug_msg, id, 8);
OFFSET(plug_msg, topic, 16);
OFFSET(plug_msg, content_type, 32);
OFFSET(plug_msg, origin, 48);
OFFSET(plug_msg, payload, 64);
OFFSET(plug_msg, headers, 80);
OFFSET(plug_msg, n_headers, 88);
OFFSET(plug_msg, pos, 96);
OFFSET(plug_msg, keep, 112);
OFFSET(plug_msg, keep_s, 116);

SIZE(plug_msg_init, 88);
OFFSET(plug_msg_init, size, 0);
OFFSET(plug_msg_init, flags, 4);
OFFSET(plug_msg_init, topic, 8);
OFFSET(plug_msg_init, content_type, 24);
OFFSET(plug_msg_init, payload, 40);
OFFSET(plug_msg_init, headers, 56);
OFFSET(plug_msg_init, n_headers, 64);
OFFSET(plug_msg_init, pos, 72);

SIZE(plug_host, 232);
OFFSET(plug_host, size, 0);
OFFSET(plug_host, abi_major, 4);
OFFSET(plug_host, abi_minor, 6);
OFFSET(plug_host, server, 8);
OFFSET(plug_host, instance, 16);
OFFSET(plug_host, node, 24);
OFFSET(plug_host, broker, 32);
OFFSET(plug_host, auth, 40);
OFFSET(plug_host, log_on, 48);
OFFSET(plug_host, log, 56);
OFFSET(plug_host, cfg_str, 64);
OFFSET(plug_host, cfg_i64, 72);
OFFSET(plug_host, now_ms, 80);
OFFSET(plug_host, on_home, 88);
OFFSET(plug_host, post, 96);
OFFSET(plug_host, io_open, 104);
OFFSET(plug_host, io_want, 112);
OFFSET(plug_host, io_close, 120);
OFFSET(plug_host, timer_new, 128);
OFFSET(plug_host, timer_set, 136);
OFFSET(plug_host, timer_stop, 144);
OFFSET(plug_host, timer_free, 152);
OFFSET(plug_host, op_done, 160);
OFFSET(plug_host, op_deadline_ms, 168);
OFFSET(plug_host, msg_make, 176);
OFFSET(plug_host, msg_decode, 184);
OFFSET(plug_host, msg_encode, 192);
OFFSET(plug_host, msg_ref, 200);
OFFSET(plug_host, msg_unref, 208);
OFFSET(plug_host, extension, 216);
OFFSET(plug_host, app, 224);

SIZE(plug_interest, 32);
OFFSET(plug_interest, id, 0);
OFFSET(plug_interest, topic, 8);
OFFSET(plug_interest, flags, 24);

SIZE(plug_health, 128);
OFFSET(plug_health, size, 0);
OFFSET(plug_health, state, 4);
OFFSET(plug_health, since_ms, 8);
OFFSET(plug_health, rtt_us, 16);
OFFSET(plug_health, text, 20);

SIZE(plug_broker, 56);
OFFSET(plug_broker, size, 0);
OFFSET(plug_broker, caps, 4);
OFFSET(plug_broker, max_payload, 8);
OFFSET(plug_broker, subscribe, 16);
OFFSET(plug_broker, unsubscribe, 24);
OFFSET(plug_broker, publish, 32);
OFFSET(plug_broker, health, 40);
OFFSET(plug_broker, flow, 48);

SIZE(plug_broker_up, 24);
OFFSET(plug_broker_up, size, 0);
OFFSET(plug_broker_up, reserved, 4);
OFFSET(plug_broker_up, deliver, 8);
OFFSET(plug_broker_up, state, 16);

SIZE(plug_auth_request, 200);
OFFSET(plug_auth_request, size, 0);
OFFSET(plug_auth_request, stage, 4);
OFFSET(plug_auth_request, session, 8);
OFFSET(plug_auth_request, peer, 16);
OFFSET(plug_auth_request, vhost, 32);
OFFSET(plug_auth_request, path, 48);
OFFSET(plug_auth_request, query, 64);
OFFSET(plug_auth_request, subprotocol, 80);
OFFSET(plug_auth_request, tls_subject, 96);
OFFSET(plug_auth_request, login, 112);
OFFSET(plug_auth_request, passcode, 128);
OFFSET(plug_auth_request, headers, 144);
OFFSET(plug_auth_request, n_headers, 152);
OFFSET(plug_auth_request, http_headers, 160);
OFFSET(plug_auth_request, n_http_headers, 168);
OFFSET(plug_auth_request, body, 176);
OFFSET(plug_auth_request, who, 192);

SIZE(plug_permission, 24);
OFFSET(plug_permission, actions, 0);
OFFSET(plug_permission, reserved, 4);
OFFSET(plug_permission, pattern, 8);

SIZE(plug_identity, 88);
OFFSET(plug_identity, size, 0);
OFFSET(plug_identity, flags, 4);
OFFSET(plug_identity, user, 8);
OFFSET(plug_identity, roles, 24);
OFFSET(plug_identity, n_roles, 32);
OFFSET(plug_identity, attrs, 40);
OFFSET(plug_identity, n_attrs, 48);
OFFSET(plug_identity, expires_unix_ms, 56);
OFFSET(plug_identity, ctx, 64);
OFFSET(plug_identity, permissions, 72);
OFFSET(plug_identity, n_permissions, 80);

SIZE(plug_refusal, 56);
OFFSET(plug_refusal, size, 0);
OFFSET(plug_refusal, reserved, 4);
OFFSET(plug_refusal, code, 8);
OFFSET(plug_refusal, reason, 24);
OFFSET(plug_refusal, detail, 40);

SIZE(plug_authz_request, 48);
OFFSET(plug_authz_request, size, 0);
OFFSET(plug_authz_request, action, 4);
OFFSET(plug_authz_request, session, 8);
OFFSET(plug_authz_request, who, 16);
OFFSET(plug_authz_request, topic, 24);
OFFSET(plug_authz_request, flags, 40);
OFFSET(plug_authz_request, reserved, 44);

SIZE(plug_decision, 16);
OFFSET(plug_decision, size, 0);
OFFSET(plug_decision, scope, 4);
OFFSET(plug_decision, cache_ms, 8);
OFFSET(plug_decision, reserved, 12);

SIZE(plug_credentials, 32);
OFFSET(plug_credentials, size, 0);
OFFSET(plug_credentials, reserved, 4);
OFFSET(plug_credentials, headers, 8);
OFFSET(plug_credentials, n_headers, 16);
OFFSET(plug_credentials, max_bytes, 24);

SIZE(plug_auth, 40);
OFFSET(plug_auth, size, 0);
OFFSET(plug_auth, flags, 4);
OFFSET(plug_auth, authenticate, 8);
OFFSET(plug_auth, authorize, 16);
OFFSET(plug_auth, session_end, 24);
OFFSET(plug_auth, credentials, 32);

SIZE(plug_auth_up, 32);
OFFSET(plug_auth_up, size, 0);
OFFSET(plug_auth_up, reserved, 4);
OFFSET(plug_auth_up, grant, 8);
OFFSET(plug_auth_up, decide, 16);
OFFSET(plug_auth_up, refuse, 24);

SIZE(plug_option, 40);
OFFSET(plug_option, name, 0);
OFFSET(plug_option, type, 8);
OFFSET(plug_option, flags, 12);
OFFSET(plug_option, def, 16);
OFFSET(plug_option, range, 24);
OFFSET(plug_option, help, 32);

SIZE(plug_plugin, 144);
OFFSET(plug_plugin, magic, 0);
OFFSET(plug_plugin, abi_major, 4);
OFFSET(plug_plugin, abi_minor, 6);
OFFSET(plug_plugin, size, 8);
OFFSET(plug_plugin, flags, 12);
OFFSET(plug_plugin, id, 16);
OFFSET(plug_plugin, version, 24);
OFFSET(plug_plugin, summary, 32);
OFFSET(plug_plugin, build, 40);
OFFSET(plug_plugin, options, 48);
OFFSET(plug_plugin, n_options, 56);
OFFSET(plug_plugin, broker, 64);
OFFSET(plug_plugin, auth, 72);
OFFSET(plug_plugin, app, 80);
OFFSET(plug_plugin, create, 88);
OFFSET(plug_plugin, start, 96);
OFFSET(plug_plugin, drain, 104);
OFFSET(plug_plugin, stop, 112);
OFFSET(plug_plugin, destroy, 120);
OFFSET(plug_plugin, cancel, 128);
OFFSET(plug_plugin, extension, 136);

SIZE(plug_metrics, 40);
OFFSET(plug_metrics, size, 0);
OFFSET(plug_metrics, reserved, 4);
OFFSET(plug_metrics, counter, 8);
OFFSET(plug_metrics, gauge, 16);
OFFSET(plug_metrics, add, 24);
OFFSET(plug_metrics, set, 32);

SIZE(plug_broker_foreign, 8);
OFFSET(plug_broker_foreign, size, 0);
OFFSET(plug_broker_foreign, reserved, 4);
SIZE(plug_broker_proof, 16);
OFFSET(plug_broker_proof, size, 0);
OFFSET(plug_broker_proof, reserved, 4);
OFFSET(plug_broker_proof, proven_ms, 8);

SIZE(plug_workpool, 16);
OFFSET(plug_workpool, size, 0);
OFFSET(plug_workpool, reserved, 4);
OFFSET(plug_workpool, run, 8);

SIZE(plug_auth_control, 32);
OFFSET(plug_auth_control, size, 0);
OFFSET(plug_auth_control, reserved, 4);
OFFSET(plug_auth_control, invalidate_user, 8);
OFFSET(plug_auth_control, invalidate_session, 16);
OFFSET(plug_auth_control, update_user, 24);

SIZE(plug_claim, 24);
OFFSET(plug_claim, pattern, 0);
OFFSET(plug_claim, actions, 16);
OFFSET(plug_claim, reserved, 20);

SIZE(plug_app_claims, 40);
OFFSET(plug_app_claims, size, 0);
OFFSET(plug_app_claims, reserved, 4);
OFFSET(plug_app_claims, claims, 8);
OFFSET(plug_app_claims, n_claims, 16);
OFFSET(plug_app_claims, watches, 24);
OFFSET(plug_app_claims, n_watches, 32);

SIZE(plug_app_request, 144);
OFFSET(plug_app_request, size, 0);
OFFSET(plug_app_request, action, 4);
OFFSET(plug_app_request, session, 8);
OFFSET(plug_app_request, session_id, 16);
OFFSET(plug_app_request, who, 32);
OFFSET(plug_app_request, destination, 40);
OFFSET(plug_app_request, path, 56);
OFFSET(plug_app_request, claim, 72);
OFFSET(plug_app_request, variables, 80);
OFFSET(plug_app_request, n_variables, 88);
OFFSET(plug_app_request, headers, 96);
OFFSET(plug_app_request, n_headers, 104);
OFFSET(plug_app_request, content_type, 112);
OFFSET(plug_app_request, body, 128);

SIZE(plug_app_message, 64);
OFFSET(plug_app_message, destination, 0);
OFFSET(plug_app_message, content_type, 16);
OFFSET(plug_app_message, body, 32);
OFFSET(plug_app_message, headers, 48);
OFFSET(plug_app_message, n_headers, 56);

SIZE(plug_app_error, 56);
OFFSET(plug_app_error, size, 0);
OFFSET(plug_app_error, reserved, 4);
OFFSET(plug_app_error, code, 8);
OFFSET(plug_app_error, reason, 24);
OFFSET(plug_app_error, detail, 40);

SIZE(plug_app_answer, 40);
OFFSET(plug_app_answer, size, 0);
OFFSET(plug_app_answer, reserved, 4);
OFFSET(plug_app_answer, publishes, 8);
OFFSET(plug_app_answer, n_publishes, 16);
OFFSET(plug_app_answer, reply, 24);
OFFSET(plug_app_answer, error, 32);

SIZE(plug_app_event, 104);
OFFSET(plug_app_event, size, 0);
OFFSET(plug_app_event, kind, 4);
OFFSET(plug_app_event, session, 8);
OFFSET(plug_app_event, session_id, 16);
OFFSET(plug_app_event, who, 32);
OFFSET(plug_app_event, subscription, 40);
OFFSET(plug_app_event, destination, 56);
OFFSET(plug_app_event, watch, 72);
OFFSET(plug_app_event, variables, 80);
OFFSET(plug_app_event, n_variables, 88);
OFFSET(plug_app_event, flags, 96);
OFFSET(plug_app_event, reserved, 100);

SIZE(plug_app, 32);
OFFSET(plug_app, size, 0);
OFFSET(plug_app, flags, 4);
OFFSET(plug_app, claims, 8);
OFFSET(plug_app, request, 16);
OFFSET(plug_app, event, 24);

SIZE(plug_app_up, 40);
OFFSET(plug_app_up, size, 0);
OFFSET(plug_app_up, reserved, 4);
OFFSET(plug_app_up, answer, 8);
OFFSET(plug_app_up, publish, 16);
OFFSET(plug_app_up, publish_local, 24);
OFFSET(plug_app_up, check, 32);

SIZE(plug_config, 32);
OFFSET(plug_config, size, 0);
OFFSET(plug_config, reserved, 4);
OFFSET(plug_config, section, 8);
OFFSET(plug_config, entry, 16);
OFFSET(plug_config, blame, 24);

SIZE(plug_member, 64);
OFFSET(plug_member, topic, 0);
OFFSET(plug_member, member, 16);
OFFSET(plug_member, user, 32);
OFFSET(plug_member, info, 48);

SIZE(plug_presence_change, 80);
OFFSET(plug_presence_change, size, 0);
OFFSET(plug_presence_change, kind, 4);
OFFSET(plug_presence_change, topic, 8);
OFFSET(plug_presence_change, user, 24);
OFFSET(plug_presence_change, info, 40);
OFFSET(plug_presence_change, users, 56);
OFFSET(plug_presence_change, pos, 64);

SIZE(plug_broker_presence, 56);
OFFSET(plug_broker_presence, size, 0);
OFFSET(plug_broker_presence, reserved, 4);
OFFSET(plug_broker_presence, join, 8);
OFFSET(plug_broker_presence, leave, 16);
OFFSET(plug_broker_presence, watch, 24);
OFFSET(plug_broker_presence, unwatch, 32);
OFFSET(plug_broker_presence, list, 40);
OFFSET(plug_broker_presence, restored, 48);

SIZE(plug_broker_presence_up, 40);
OFFSET(plug_broker_presence_up, size, 0);
OFFSET(plug_broker_presence_up, reserved, 4);
OFFSET(plug_broker_presence_up, user, 8);
OFFSET(plug_broker_presence_up, total, 16);
OFFSET(plug_broker_presence_up, changed, 24);
OFFSET(plug_broker_presence_up, lost, 32);

SIZE(plug_presence_app, 16);
OFFSET(plug_presence_app, size, 0);
OFFSET(plug_presence_app, reserved, 4);
OFFSET(plug_presence_app, changed, 8);

SIZE(plug_presence, 56);
OFFSET(plug_presence, size, 0);
OFFSET(plug_presence, reserved, 4);
OFFSET(plug_presence, join, 8);
OFFSET(plug_presence, leave, 16);
OFFSET(plug_presence, watch, 24);
OFFSET(plug_presence, unwatch, 32);
OFFSET(plug_presence, list, 40);
OFFSET(plug_presence, find, 48);
