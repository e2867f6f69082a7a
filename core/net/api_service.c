#include "net/api_service.h"

#include <stdlib.h>

struct api_keyring *api_service_keys(const struct settings *settings)
{
  struct api_key_init *init = calloc(settings->n_api_keys + 1, sizeof *init);
  if (!init)
    return NULL;
  for (size_t i = 0; i < settings->n_api_keys; i++)
    init[i] = (struct api_key_init){.name = settings->api_keys[i].name,
                                    .secret = settings->api_keys[i].secret,
                                    .rights = settings->api_keys[i].rights};
  struct api_keyring *keys = api_keyring_new(init, settings->n_api_keys);
  free(init);
  return keys;
}

struct api_service *api_service_new(const struct settings *settings)
{
  struct api_service *service = calloc(1, sizeof *service);
  if (!service)
    return NULL;
  service->memory =
      api_memory_new((size_t)settings->api_idempotency_keys, settings->api_idempotency_ms);
  service->failures = addresses_new(0, settings->api_max_failures);
  service->everywhere =
      !settings->n_api_listen && !settings->n_api_tls_listen && !settings->api_socket;
  if (service->memory && service->failures)
    return service;
  api_service_free(service);
  return NULL;
}

void api_service_free(struct api_service *service)
{
  if (!service)
    return;
  api_memory_free(service->memory);
  addresses_free(service->failures);
  free(service);
}
