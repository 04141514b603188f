/* SPDX-License-Identifier: Apache-2.0
 *
 * base/json_memory.h - memory for yajl that may run out.
 *
 * yajl 2.1.0 does not check what malloc returns. So it gets functions that
 * leave by longjmp() when there is no memory, and that keep every block in a
 * list, from which all are freed afterwards. yajl holds no lock and no other
 * resource that such an exit could leave behind.
 *
 *   json_memory_init(&m);
 *   functions = json_memory_functions(&m);
 *   if (setjmp(m.none_left) == 0) {
 *       handle = yajl_alloc(&callbacks, &functions, arg);
 *       yajl_parse(...);          from this function or one it calls
 *   } else {
 *       there was no memory; the handle is not to be used again
 *   }
 *   json_memory_release(&m);      instead of yajl_free()
 *
 * Before each entry into yajl, `none_left` must be set by a function that has
 * not yet returned.
 *
 * The first blocks come out of `heap`: what yajl needs for a plain text (its
 * handle, its lexer, a stack) fits there, so that reading one allocates
 * nothing. What is given back there is not used again.
 */
#ifndef BASE_JSON_MEMORY_H
#define BASE_JSON_MEMORY_H

#include <setjmp.h>
#include <stdint.h>
#include <yajl/yajl_common.h>

struct json_block;

#define JSON_MEMORY_HEAP 1024

struct json_memory {
    uint32_t magic;
    uint32_t heap_used;
    struct json_block *blocks; /* from malloc() */
    _Alignas(16) char heap[JSON_MEMORY_HEAP];
    jmp_buf none_left;
};

void json_memory_init(struct json_memory *m);
/* Free whatever yajl still holds. */
void json_memory_release(struct json_memory *m);
/* yajl copies them; `m` must stay where it is. */
yajl_alloc_funcs json_memory_functions(struct json_memory *m);

#endif
