#include "watch_listing.h"

#include <stdlib.h>

#include "watch_list.h"
#include "watch_values.h"

/* A list that has been asked for. */
struct listing {
  struct watch_rooms *rooms;
  struct watch_room *room;          /* of snapshots, or NULL */
  struct watch_snapshot *snapshots; /* likewise */
  struct plug_op *op;               /* of a request */
  const struct watch_section *section;
  struct watch_list list;
  char *variables_text, *topic;
  struct plug_str variables[PLUG_APP_VARIABLES_MAX];
};

static void listing_free(struct listing *listing)
{
  json_decref(listing->list.members);
  watch_snapshots_free(&listing->snapshots);
  free(listing->variables_text);
  free(listing->topic);
  free(listing);
}

static void on_user(void *arg, struct plug_str user, struct plug_str info,
                    uint64_t members) PLUG_NOEXCEPT
{
  struct listing *listing = arg;
  (void)members;
  watch_list_add(&listing->list, user, info);
}

static void on_snapshots(void *arg, plug_status status, uint64_t users,
                         uint64_t members) PLUG_NOEXCEPT
{
  struct listing *listing = arg;
  struct watch_rooms *rooms = listing->rooms;
  struct watch_room *room = listing->room;
  size_t len = 0;
  (void)members;
  char *text = status == PLUG_OK ? watch_list_end(&listing->list, users, &len) : NULL;
  if (text)
    watch_snapshots_send(listing->snapshots, &rooms->env, room->section, room->entry.name,
                         route_slice(text, len));
  else
    watch_env_complain(&rooms->env, room->section, "no snapshot",
                       status == PLUG_OK ? "the template cannot be filled"
                                         : "it is not known who is there");
  free(text);
  listing_free(listing);
  room->is_listing = false;
  if (room->snapshots && rooms->env.timer)
    watch_listing_begin(rooms, room);
  watch_room_unref(rooms, room);
}

void watch_listing_begin(struct watch_rooms *rooms, struct watch_room *room)
{
  if (room->is_listing || !room->snapshots)
    return;
  struct listing *listing = calloc(1, sizeof *listing);
  if (listing && watch_list_begin(&listing->list, room->section, room->variables)) {
    listing->rooms = rooms;
    listing->room = room;
    listing->snapshots = room->snapshots;
    room->snapshots = NULL;
    if (rooms->env.presence->list(rooms->env.host, room->entry.name, on_user, on_snapshots,
                                  listing) == PLUG_PENDING) {
      room->is_listing = true;
      room->refs++;
      return;
    }
  }
  watch_snapshots_free(&room->snapshots);
  if (listing)
    listing_free(listing);
}

static void answer_error(const struct watch_rooms *rooms, struct plug_op *op, const char *code,
                         const char *reason)
{
  struct plug_app_error error = {
      .size = sizeof error, .code = route_str(code), .reason = route_str(reason)};
  struct plug_app_answer answer = {.size = sizeof answer, .error = &error};
  rooms->env.host->app->answer(op, &answer);
}

static void on_request(void *arg, plug_status status, uint64_t users,
                       uint64_t members) PLUG_NOEXCEPT
{
  struct listing *listing = arg;
  const struct watch_rooms *rooms = listing->rooms;
  size_t len = 0;
  (void)members;
  char *text = status == PLUG_OK ? watch_list_end(&listing->list, users, &len) : NULL;
  if (text) {
    struct plug_app_message reply = {.destination = route_str(listing->section->reply),
                                     .content_type = route_str(listing->section->content_type),
                                     .body = route_slice(text, len)};
    struct plug_app_answer answer = {.size = sizeof answer, .reply = &reply};
    rooms->env.host->app->answer(listing->op, &answer);
  } else if (status == PLUG_OK) {
    answer_error(rooms, listing->op, "bad-template", "the list cannot be made");
  } else {
    rooms->env.host->op_done(listing->op, status, route_str("it is not known who is there"));
  }
  free(text);
  listing_free(listing);
}

plug_status watch_listing_request(struct watch_rooms *rooms, const struct watch_section *section,
                                  const struct plug_app_request *request, struct plug_op *op)
{
  struct route_refusal refusal;
  struct listing *listing = calloc(1, sizeof *listing);
  size_t len;
  if (!listing)
    return PLUG_ENOMEM;
  listing->rooms = rooms;
  listing->op = op;
  listing->section = section;
  if (!request->who && !section->anonymous) {
    answer_error(rooms, op, "not-authenticated", "you have to sign in first");
  } else if (!watch_section_variables(section, request->variables, request->n_variables,
                                      section->variables, listing->variables,
                                      &listing->variables_text, &refusal)) {
    if (!refusal.code) {
      listing_free(listing);
      return PLUG_ENOMEM;
    }
    answer_error(rooms, op, refusal.code, refusal.reason);
  } else {
    listing->topic = watch_values_fill(section, listing->variables, section->topic, &len);
    plug_status status =
        listing->topic && watch_list_begin(&listing->list, section, listing->variables)
            ? rooms->env.presence->list(rooms->env.host, route_slice(listing->topic, len), on_user,
                                        on_request, listing)
            : PLUG_ENOMEM;
    if (status != PLUG_PENDING)
      listing_free(listing);
    return status;
  }
  listing_free(listing);
  return PLUG_PENDING;
}
