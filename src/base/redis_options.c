/* SPDX-License-Identifier: Apache-2.0
 *
 * base/redis_options.c - options, and copies of them.
 */
#include <stdlib.h>

#include "base/redis_layout.h"

void redis_options_default(struct redis_options *o)
{
    *o = (struct redis_options){
        .layout = REDIS_SERVER,
        .host.port = 6379,
        .connect_timeout_us = US_PER_S,
        .circuit_failures = 3,
        .probe_interval_us = 250 * US_PER_MS,
        .max_pending = 4096,
        .look_interval_us = 500 * US_PER_MS,
        .max_reply_bytes = (size_t)1 << 20,
    };
}

/* In place; NULL stays NULL. False: out of memory, and it is NULL. */
static bool own(const char **field)
{
    if (*field == NULL)
        return true;
    *field = text_dup(text_of(*field));
    return *field != NULL;
}

static void disown(const char **field)
{
    char *owned = (char *)(uintptr_t)*field;

    if (owned != NULL)
        explicit_bzero(owned, strlen(owned)); /* it may be the password */
    free(owned);
    *field = NULL;
}

static bool own_seeds(struct redis_options *o)
{
    struct redis_host *seeds;
    bool ok = true;

    if (o->seed_count == 0)
        return true;
    seeds = calloc(o->seed_count, sizeof(*seeds));
    if (seeds == NULL) {
        o->seed_count = 0;
        return false;
    }
    for (size_t i = 0; i < o->seed_count; i++) {
        seeds[i] = o->seeds[i];
        ok = own(&seeds[i].name) && ok;
    }
    o->seeds = seeds;
    return ok;
}

enum status redis_options_copy(const struct redis_options *from,
                               struct redis_options *to)
{
    bool ok;

    *to = *from;
    ok = own(&to->host.name);
    ok = own(&to->path) && ok;
    ok = own(&to->master) && ok;
    ok = own(&to->user) && ok;
    ok = own(&to->password) && ok;
    ok = own_seeds(to) && ok;
    if (ok)
        return STATUS_OK;
    redis_options_release(to);
    return STATUS_NO_MEMORY;
}

void redis_options_release(struct redis_options *o)
{
    struct redis_host *seeds = (struct redis_host *)(uintptr_t)o->seeds;

    for (size_t i = 0; i < o->seed_count; i++)
        disown(&seeds[i].name);
    free(o->seed_count > 0 ? seeds : NULL);
    o->seeds = NULL;
    o->seed_count = 0;
    disown(&o->host.name);
    disown(&o->path);
    disown(&o->master);
    disown(&o->user);
    disown(&o->password);
}
