#include "jwt_alg.h"

#include <stdio.h>

#include "jwt_text.h"

static const struct {
  const char *name, *family;
  enum jwt_kind kind;
  size_t min_secret;
} algs[JWT_N_ALGS] = {
    [JWT_HS256] = {"HS256", "HS", JWT_SECRET, 32}, [JWT_HS384] = {"HS384", "HS", JWT_SECRET, 48},
    [JWT_HS512] = {"HS512", "HS", JWT_SECRET, 64}, [JWT_RS256] = {"RS256", "RS", JWT_RSA, 0},
    [JWT_RS384] = {"RS384", "RS", JWT_RSA, 0},     [JWT_RS512] = {"RS512", "RS", JWT_RSA, 0},
    [JWT_PS256] = {"PS256", "PS", JWT_RSA, 0},     [JWT_PS384] = {"PS384", "PS", JWT_RSA, 0},
    [JWT_PS512] = {"PS512", "PS", JWT_RSA, 0},     [JWT_ES256] = {"ES256", "ES", JWT_P256, 0},
    [JWT_ES384] = {"ES384", "ES", JWT_P384, 0},    [JWT_ES512] = {"ES512", "ES", JWT_P521, 0},
    [JWT_EDDSA] = {"EdDSA", "", JWT_ED25519, 0},
};

bool jwt_alg_find(struct plug_str name, enum jwt_alg *alg)
{
  for (int i = 0; i < JWT_N_ALGS; i++)
    if (jwt_str_is(name, algs[i].name)) {
      *alg = (enum jwt_alg)i;
      return true;
    }
  *alg = JWT_EDDSA;
  return jwt_str_is(name, "Ed25519");
}

const char *jwt_alg_name(enum jwt_alg alg)
{
  return algs[alg].name;
}

enum jwt_kind jwt_alg_kind(enum jwt_alg alg)
{
  return algs[alg].kind;
}

size_t jwt_alg_min_secret(enum jwt_alg alg)
{
  return algs[alg].min_secret;
}

jwt_algs jwt_kind_algs(enum jwt_kind kind)
{
  jwt_algs set = 0;
  for (int i = 0; i < JWT_N_ALGS; i++)
    if (algs[i].kind == kind)
      set |= JWT_ALG_BIT(i);
  return set;
}

bool jwt_algs_parse(struct plug_str list, jwt_algs *set, struct plug_str *bad)
{
  *set = 0;
  while (jwt_list_next(&list, bad)) {
    jwt_algs before = *set, found = 0;
    enum jwt_alg alg;
    if (jwt_alg_find(*bad, &alg))
      found = JWT_ALG_BIT(alg);
    for (int i = 0; i < JWT_N_ALGS; i++)
      if (jwt_str_is(*bad, algs[i].family))
        found |= JWT_ALG_BIT(i);
    if (found == 0)
      return false;
    *set = before | found;
  }
  return true;
}

void jwt_algs_text(jwt_algs set, char out[128])
{
  size_t n = 0;
  out[0] = '\0';
  for (int i = 0; i < JWT_N_ALGS; i++)
    if ((set & JWT_ALG_BIT(i)) != 0)
      n += (size_t)snprintf(out + n, 128 - n, "%s%s", n > 0 ? ", " : "", algs[i].name);
}
