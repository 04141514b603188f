/* SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"
#include "unit.h"

#include <string.h>

START_TEST(every_status_has_a_name_of_its_own)
{
    for (int a = STATUS_OK; a <= STATUS_IO; a++) {
        ck_assert_ptr_nonnull(status_name((enum status)a));
        ck_assert_int_gt((int)strlen(status_name((enum status)a)), 0);
        for (int b = a + 1; b <= STATUS_IO; b++)
            ck_assert_str_ne(status_name((enum status)a),
                             status_name((enum status)b));
    }
}
END_TEST

START_TEST(a_value_that_is_no_status_has_a_name_too)
{
    ck_assert_str_eq(status_name((enum status)(STATUS_IO + 1)), "unknown");
    ck_assert_str_eq(status_name((enum status) - 1), "unknown");
}
END_TEST

UNIT_MAIN("status", every_status_has_a_name_of_its_own,
          a_value_that_is_no_status_has_a_name_too)
