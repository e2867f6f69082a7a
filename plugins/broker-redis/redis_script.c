#include "redis_script.h"

#include <inttypes.h>
#include <stdio.h>

#include <openssl/evp.h>

/* ZREM before ZADD: after a first write that a full Redis lets pass the second passes, too. Without
 * it a full Redis would end the leases of all nodes, while what they have is still taken away. */
#define LUA_PUT                              \
  "local function put(name,score)\n"         \
  " redis.call('ZREM',KEYS[1],name)\n"       \
  " redis.call('ZADD',KEYS[1],score,name)\n" \
  "end\n"

#define LUA_REPLID "(string.match(redis.call('INFO','replication'),'master_replid:(%w+)') or '')"

/* Does once all that the other scripts do, on keys that nobody looks at, so that a user without the
 * rights is found out before members are joined, and not in the middle of it. */
#define LUA_REHEARSE                                 \
  "local function rehearse(key,channel)\n"           \
  " local call=redis.call\n"                         \
  " call('HSETNX',key,'x',1)\n"                      \
  " call('PEXPIRE',key,1000)\n"                      \
  " call('PERSIST',key)\n"                           \
  " call('HINCRBY',key,'x',1)\n"                     \
  " call('HSET',key,'x',1)\n"                        \
  " call('HGET',key,'x')\n"                          \
  " call('HMGET',key,'x')\n"                         \
  " call('HLEN',key)\n"                              \
  " call('HRANDFIELD',key,1)\n"                      \
  " call('HDEL',key,'x')\n"                          \
  " call('ZSCORE',KEYS[1],'x')\n"                    \
  " call('ZRANGEBYSCORE',KEYS[1],0,0,'LIMIT',0,1)\n" \
  " call('PUBLISH',channel,'')\n"                    \
  "end\n"

/* A lease whose end lies further away than its node can have set it is over, too: the clock has
 * been set back since. The name of an incarnation ends with its time to live. */
static const char lease_lua[] = LUA_PUT LUA_REHEARSE
    "local t=redis.call('TIME')\n"
    "local now,ttl=t[1]*1000+math.floor(t[2]/1000),tonumber(ARGV[1])\n"
    "local alive={}\n"
    "for i=6,#ARGV do\n"
    " local score=redis.call('ZSCORE',KEYS[1],ARGV[i])\n"
    " if score and tonumber(score)>0 then\n"
    "  put(ARGV[i],now+ttl)\n"
    "  alive[#alive+1]='1'\n"
    " else\n"
    "  alive[#alive+1]='0'\n"
    " end\n"
    "end\n"
    "if ARGV[2]~='' then\n"
    " put(ARGV[2],now+ttl)\n"
    " rehearse(KEYS[2],ARGV[5])\n"
    "end\n"
    "if ARGV[3]~='' and now>=tonumber(ARGV[3]) and now<=tonumber(ARGV[4]) then\n"
    " local over=redis.call('ZRANGEBYSCORE',KEYS[1],'(0',now,'LIMIT',0,16)\n"
    " for _,name in ipairs(over) do put(name,0) end\n"
    " over=redis.call('ZRANGEBYSCORE',KEYS[1],now+2*ttl,'+inf','WITHSCORES','LIMIT',0,16)\n"
    " for i=1,#over,2 do\n"
    "  local own=tonumber(string.match(over[i],':(%d+)$')) or ttl\n"
    "  if tonumber(over[i+1])>now+2*own then put(over[i],0) end\n"
    " end\n"
    "end\n"
    "return {now," LUA_REPLID ",table.concat(alive),\n"
    " redis.call('ZRANGEBYSCORE',KEYS[1],0,0,'LIMIT',0,16)}\n";

static const char condemn_lua[] =
    LUA_PUT "for _,name in ipairs(ARGV) do\n"
            " if redis.call('ZSCORE',KEYS[1],name) then put(name,0) end\n"
            "end\n"
            "return 1\n";

/* A topic without users keeps its epoch for an hour, so that those who come back soon need not be
 * listed. HDEL of a leave comes before all other writes. The meta hash holds nothing that
 * cannot be begun anew: without it there is a new epoch. */
static const char apply_lua[] =
    "local call=redis.call\n"
    "if ARGV[1]~='' then\n"
    " local score=call('ZSCORE',KEYS[1],ARGV[1])\n"
    " if not score or tonumber(score)<=0 then return redis.error_reply('NOLEASE') end\n"
    "end\n"
    "local there,replid,a,k={},nil,3,3\n"
    "while ARGV[a] do\n"
    " local join,topic,channel,count=ARGV[a]=='J',ARGV[a+1],ARGV[a+2],tonumber(ARGV[a+3])\n"
    " local meta,users,infos=KEYS[k],KEYS[k+1],KEYS[k+2]\n"
    " local before=call('HLEN',users)\n"
    " local n,changes,prefix=before,{},#topic..':'..topic\n"
    " local function change(kind,user,info)\n"
    "  changes[#changes+1]=kind..' '..n..' '..#user..' '..#info..'\\n'..user..info\n"
    " end\n"
    " a=a+4\n"
    " k=k+3\n"
    " for i=1,count do\n"
    "  local field=prefix..ARGV[a]\n"
    "  if join then\n"
    "   local user,info=ARGV[a+1],ARGV[a+2]\n"
    "   a=a+3\n"
    "   local new=call('HSETNX',KEYS[2],field,user)\n"
    "   there[#there+1]=new\n"
    "   if new==1 then\n"
    "    if call('HINCRBY',users,user,1)==1 then\n"
    "     if info~='' then call('HSET',infos,user,info) end\n"
    "     n=n+1\n"
    "     change('J',user,info)\n"
    "    end\n"
    "   end\n"
    "  else\n"
    "   a=a+1\n"
    "   local user=call('HGET',KEYS[2],field)\n"
    "   there[#there+1]=user and 1 or 0\n"
    "   if user then\n"
    "    call('HDEL',KEYS[2],field)\n"
    "    local left=call('HINCRBY',users,user,-1)\n"
    "    if left<=0 then call('HDEL',users,user) end\n"
    "    if left==0 then\n"
    "     local info=call('HGET',infos,user)\n"
    "     if info then call('HDEL',infos,user) end\n"
    "     n=n-1\n"
    "     change('L',user,info or '')\n"
    "    end\n"
    "   end\n"
    "  end\n"
    " end\n"
    " if #changes>0 then\n"
    "  replid=replid or " LUA_REPLID "\n"
    "  local m=call('HMGET',meta,'e','r')\n"
    "  local epoch=m[1]\n"
    "  if not epoch or m[2]~=replid then\n"
    "   local t=call('TIME')\n"
    "   local e=t[1]*1000000+math.floor(t[2]/1000)*1000+tonumber(ARGV[2])\n"
    "   if epoch and e<=tonumber(epoch) then e=tonumber(epoch)+1+tonumber(ARGV[2]) end\n"
    "   epoch=string.format('%.0f',e)\n"
    "   call('HSET',meta,'e',epoch,'r',replid,'n',0)\n"
    "  end\n"
    "  if n==0 then\n"
    "   call('PEXPIRE',meta,3600000)\n"
    "  elseif before==0 then\n"
    "   call('PERSIST',meta)\n"
    "  end\n"
    "  local last=call('HINCRBY',meta,'n',#changes)\n"
    "  call('PUBLISH',channel,'1 '..epoch..' '..(last-#changes+1)..' '..#changes..'\\n'"
    "..table.concat(changes))\n"
    " end\n"
    "end\n"
    "return table.concat(there)\n";

static const char peek_lua[] = "return redis.call('HRANDFIELD',KEYS[1],ARGV[1])\n";

static const char bury_lua[] = "local n=redis.call('HLEN',KEYS[2])\n"
                               "if n==0 then redis.call('ZREM',KEYS[1],ARGV[1]) end\n"
                               "return n\n";

static const struct plug_str texts[REDIS_N_SCRIPTS] = {
    [REDIS_SCRIPT_LEASE] = {lease_lua, sizeof lease_lua - 1},
    [REDIS_SCRIPT_CONDEMN] = {condemn_lua, sizeof condemn_lua - 1},
    [REDIS_SCRIPT_APPLY] = {apply_lua, sizeof apply_lua - 1},
    [REDIS_SCRIPT_PEEK] = {peek_lua, sizeof peek_lua - 1},
    [REDIS_SCRIPT_BURY] = {bury_lua, sizeof bury_lua - 1},
};

bool redis_scripts_init(struct redis_scripts *scripts)
{
  for (size_t i = 0; i < REDIS_N_SCRIPTS; i++) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    size_t len = 0;
    if (EVP_Q_digest(NULL, "SHA1", NULL, texts[i].ptr, texts[i].len, digest, &len) != 1 ||
        len != REDIS_SHA_LEN / 2)
      return false;
    for (size_t j = 0; j < len; j++)
      snprintf(scripts->sha[i] + 2 * j, 3, "%02x", digest[j]);
  }
  return true;
}

bool redis_presence_names_make(struct redis_presence_names *names, struct redis_buf *text,
                               struct plug_str prefix)
{
  static const char tag[] = "{presence}:", channel[] = "p:";
  redis_buf_put(text, prefix.ptr, prefix.len);
  redis_buf_put(text, tag, sizeof tag - 1);
  size_t base_len = text->len;
  redis_buf_put(text, prefix.ptr, prefix.len);
  redis_buf_put(text, channel, sizeof channel - 1);
  names->base = (struct plug_str){text->ptr, base_len};
  names->channel = (struct plug_str){text->ptr + base_len, text->len - base_len};
  return !text->failed;
}

void redis_call_init(struct redis_call *call, const struct redis_scripts *scripts)
{
  *call = (struct redis_call){.scripts = scripts};
}

void redis_call_fini(struct redis_call *call)
{
  redis_buf_fini(&call->bytes);
  redis_buf_fini(&call->keys);
  redis_buf_fini(&call->args);
  redis_buf_fini(&call->argv);
}

void redis_call_start(struct redis_call *call, enum redis_script script)
{
  call->script = script;
  redis_buf_clear(&call->bytes);
  redis_buf_clear(&call->keys);
  redis_buf_clear(&call->args);
}

struct span {
  size_t from, len;
};

static void put(struct redis_call *call, struct redis_buf *list, const struct plug_str *parts,
                size_t n)
{
  struct span span = {call->bytes.len, 0};
  for (size_t i = 0; i < n; i++) {
    redis_buf_put(&call->bytes, parts[i].ptr, parts[i].len);
    span.len += parts[i].len;
  }
  redis_buf_put(list, &span, sizeof span);
}

void redis_call_key(struct redis_call *call, struct plug_str a, struct plug_str b,
                    struct plug_str c)
{
  put(call, &call->keys, (const struct plug_str[]){a, b, c}, 3);
}

void redis_call_arg(struct redis_call *call, struct plug_str arg)
{
  put(call, &call->args, &arg, 1);
}

void redis_call_arg2(struct redis_call *call, struct plug_str a, struct plug_str b)
{
  put(call, &call->args, (const struct plug_str[]){a, b}, 2);
}

void redis_call_arg_number(struct redis_call *call, uint64_t number)
{
  char text[24];
  int len = snprintf(text, sizeof text, "%" PRIu64, number);
  redis_call_arg(call, (struct plug_str){text, (size_t)len});
}

static void put_argv(struct redis_call *call, struct plug_str s)
{
  redis_buf_put(&call->argv, &s, sizeof s);
}

static void put_list(struct redis_call *call, const struct redis_buf *list)
{
  for (size_t at = 0; at < list->len; at += sizeof(struct span)) {
    struct span span;
    memcpy(&span, list->ptr + at, sizeof span);
    put_argv(call, (struct plug_str){call->bytes.ptr + span.from, span.len});
  }
}

const struct plug_str *redis_call_argv(struct redis_call *call, bool whole, size_t *argc)
{
  if (call->bytes.failed || call->keys.failed || call->args.failed)
    return NULL;
  snprintf(call->n_keys, sizeof call->n_keys, "%zu", call->keys.len / sizeof(struct span));
  redis_buf_clear(&call->argv);
  put_argv(call, redis_str(whole ? "EVAL" : "EVALSHA"));
  put_argv(call, whole ? texts[call->script] : redis_str(call->scripts->sha[call->script]));
  put_argv(call, redis_str(call->n_keys));
  put_list(call, &call->keys);
  put_list(call, &call->args);
  if (call->argv.failed)
    return NULL;
  *argc = call->argv.len / sizeof(struct plug_str);
  return (const struct plug_str *)(const void *)call->argv.ptr;
}

void redis_call_group(struct redis_call *call, const struct redis_presence_names *names, bool join,
                      struct plug_str topic, size_t count)
{
  redis_call_key(call, names->base, redis_str("t:"), topic);
  redis_call_key(call, names->base, redis_str("u:"), topic);
  redis_call_key(call, names->base, redis_str("i:"), topic);
  redis_call_arg(call, redis_str(join ? "J" : "L"));
  redis_call_arg(call, topic);
  redis_call_arg2(call, names->channel, topic);
  redis_call_arg_number(call, count);
}

struct plug_str redis_script_error(struct plug_str error)
{
  static const char before_7[] = "ERR Error running script";
  if (error.len < sizeof before_7 || memcmp(error.ptr, before_7, sizeof before_7 - 1) != 0)
    return error;
  for (size_t i = sizeof before_7; i + 2 < error.len; i++)
    if (error.ptr[i - 1] == ' ' && error.ptr[i] == '-' && error.ptr[i + 1] >= 'A' &&
        error.ptr[i + 1] <= 'Z')
      return (struct plug_str){error.ptr + i + 1, error.len - i - 1};
  return error;
}

bool redis_script_was_refused(struct plug_str error)
{
  static const char *const words[] = {
      "OOM ",   "NOPERM ",      "NOREPLICAS ", "MISCONF ", "BUSY ",       "LOADING ",
      "MOVED ", "CLUSTERDOWN ", "READONLY ",   "NOAUTH ",  "MASTERDOWN ", "ERR unknown command"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (error.len >= strlen(words[i]) && memcmp(error.ptr, words[i], strlen(words[i])) == 0)
      return true;
  return false;
}
