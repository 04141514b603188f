/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/format.c - the table of formats, and the short rules.
 *
 * Rules that take more than a few lines live by subject in format_time.c,
 * format_host.c, format_mail.c and format_number.c. `expected` completes the
 * sentence "must be ..." for a client's developer.
 */
#include "schema/format.h"

#include "base/check.h"
#include "base/uri.h"
#include "schema/format_rules.h"

/* RFC 9562 section 4: any version and variant, either case. */
static bool is_uuid(struct text t)
{
    if (t.len != 36)
        return false;
    for (size_t i = 0; i < t.len; i++) {
        char c = t.data[i];
        bool is_hex = format_is_digit(c) || (c >= 'a' && c <= 'f') ||
                      (c >= 'A' && c <= 'F');
        bool is_hyphen_due = i == 8 || i == 13 || i == 18 || i == 23;

        if (is_hyphen_due ? c != '-' : !is_hex)
            return false;
    }
    return true;
}

/* ITU-T E.164 with the international prefix: at most 15 digits. */
static bool is_e164(struct text t)
{
    if (t.len < 3 || t.len > 16 || t.data[0] != '+' || t.data[1] == '0')
        return false;
    for (size_t i = 1; i < t.len; i++)
        if (!format_is_digit(t.data[i]))
            return false;
    return true;
}

static bool is_uri(struct text t)
{
    struct uri u;

    return uri_parse(t, &u) == STATUS_OK;
}

static bool is_uri_reference(struct text t)
{
    struct uri u;

    return uri_parse_reference(t, &u) == STATUS_OK;
}

/* With a host: RFC 9110 section 4.2.1 forbids an empty one. */
static bool is_https_url(struct text t)
{
    struct uri u;

    return uri_parse(t, &u) == STATUS_OK && u.host.len > 0 &&
           text_equal_nocase(u.scheme, TEXT_LIT("https"));
}

static bool is_http_url(struct text t)
{
    struct uri u;

    return uri_parse(t, &u) == STATUS_OK && u.host.len > 0 &&
           (text_equal_nocase(u.scheme, TEXT_LIT("https")) ||
            text_equal_nocase(u.scheme, TEXT_LIT("http")));
}

static const struct schema_format formats[] = {
    {"date", false, format_is_date,
     "a calendar date as RFC 3339 writes it, as 2026-01-31"},
    {"date-time", false, format_is_date_time,
     "a date and time with offset as RFC 3339 writes it, as "
     "2026-01-31T12:00:00Z"},
    {"double", true, format_is_double,
     "a number within the range of a 64-bit float"},
    {"e164", false, is_e164,
     "a phone number in E.164 format: + and 2 to 15 digits, the first not 0, "
     "as +12223334444"},
    {"email", false, format_is_email,
     "an email address as RFC 5321 writes it, as name@example.com"},
    {"float", true, format_is_float,
     "a number within the range of a 32-bit float"},
    {"handle", false, format_is_handle,
     "an email address, as name@example.com: a dot-atom of up to 64 octets, "
     "one @, and a domain of two labels or more, at most 254 octets in all"},
    {"hostname", false, format_is_hostname,
     "a host name as RFC 1123 writes it, as www.example.com"},
    {"http-url", false, is_http_url,
     "an absolute http or https URL with a host, as RFC 3986 writes it"},
    {"https-url", false, is_https_url,
     "an absolute https URL with a host, as RFC 3986 writes it"},
    {"int32", true, format_is_int32,
     "an integer from -2147483648 to 2147483647"},
    {"int64", true, format_is_int64,
     "an integer from -9223372036854775808 to 9223372036854775807"},
    {"ipv4", false, uri_is_ipv4,
     "an IPv4 address of four decimal numbers without leading zeros, as "
     "192.0.2.1"},
    {"ipv6", false, uri_is_ipv6,
     "an IPv6 address as RFC 4291 writes it, as 2001:db8::1"},
    {"time", false, format_is_time,
     "a time with offset as RFC 3339 writes it, as 12:00:00Z"},
    {"uri", false, is_uri, "an absolute URI as RFC 3986 writes it"},
    {"uri-reference", false, is_uri_reference,
     "a URI reference as RFC 3986 writes it"},
    {"uuid", false, is_uuid, "a UUID, as 123e4567-e89b-12d3-a456-426614174000"},
};

const struct schema_format *schema_format_find(struct text name)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (text_is(name, formats[i].name))
            return &formats[i];
    return NULL;
}

const struct schema_format *schema_format_at(size_t i)
{
    return i < ARRAY_LEN(formats) ? &formats[i] : NULL;
}
