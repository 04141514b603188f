/* SPDX-License-Identifier: Apache-2.0
 *
 * limit/script.h - the Lua that Redis runs, as C strings.
 *
 * Made at build time from bucket.lua and decide.lua; the script is the one
 * followed by the other.
 */
#ifndef LIMIT_SCRIPT_H
#define LIMIT_SCRIPT_H

extern const char limit_script_bucket[];
extern const char limit_script_decide[];

#endif
