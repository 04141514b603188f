/* SPDX-License-Identifier: Apache-2.0
 *
 * audit/numbers.c - hiding phone numbers, alone and within a path.
 *
 * A path is read one character at a time, a character being a byte or a
 * percent-escape, so that %2B1%34155550100 is found as well. "%25" is read
 * again as the percent sign of a further escape: a caller that encodes twice
 * must not get a number past the mask. When in doubt a run of digits is
 * hidden: masked is a choice for privacy, and an id that is lost costs less
 * than a number that shows.
 */
#include "audit/numbers.h"

#include <string.h>

#include "base/crypto.h"
#include "base/id.h"

#define PLUS_DIGITS_MIN 2
#define BARE_DIGITS_MIN 7
#define UUID_LENGTH 36

static size_t mask(struct text number, char *out)
{
    size_t first = number.len < 8 ? 1 : 3, last = number.len < 8 ? 0 : 2;

    for (size_t i = 0; i < number.len; i++)
        if (i < first || i >= number.len - last)
            out[i] = number.data[i];
        else
            out[i] = '*';
    return number.len;
}

static size_t hash(struct text key, struct text number, char *out)
{
    static const char failed[] = "hmac:unavailable";
    uint8_t digest[CRYPTO_SHA256_SIZE];

    if (crypto_hmac_sha256(key, number, digest) != STATUS_OK) {
        memcpy(out, failed, sizeof(failed) - 1);
        return sizeof(failed) - 1;
    }
    memcpy(out, "hmac:", 5);
    crypto_hex(digest, sizeof(digest), out + 5); /* and its NUL: 70 bytes */
    return 5 + 2 * CRYPTO_SHA256_SIZE;
}

size_t audit_number_hide(const struct audit_privacy *privacy,
                         struct text number, char *out)
{
    if (number.len > AUDIT_NUMBER_MAX)
        number.len = AUDIT_NUMBER_MAX;
    switch (privacy->numbers) {
    case AUDIT_NUMBERS_MASKED:
        return mask(number, out);
    case AUDIT_NUMBERS_HASHED:
        return hash(privacy->key, number, out);
    case AUDIT_NUMBERS_FULL:
        break;
    }
    memcpy(out, number.data, number.len);
    return number.len;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The character at `at`, its escapes undone; *len is how many bytes of the
 * path it takes. After "%25" the next two digits may be an escape again, and
 * so on: "%25252B" is one character, "+". */
static unsigned char read_char(struct text path, size_t at, size_t *len)
{
    size_t i = at + 1;

    *len = 1;
    if (path.data[at] != '%')
        return (unsigned char)path.data[at];
    while (i + 1 < path.len) {
        int high = hex_digit(path.data[i]), low = hex_digit(path.data[i + 1]);

        if (high < 0 || low < 0)
            break;
        i += 2;
        *len = i - at;
        if (high * 16 + low != '%')
            return (unsigned char)(high * 16 + low);
    }
    return '%';
}

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

/* A number at `at`: its text in `number` (the "+" and digits, as many as
 * fit), and in *end where the path goes on. */
static bool read_number(struct text path, size_t at, char *number,
                        size_t *number_len, size_t *end)
{
    size_t n = 0, digits = 0, len;
    unsigned char c = read_char(path, at, &len);
    bool has_plus = c == '+';

    if (!has_plus && !is_digit(c))
        return false;
    for (;;) {
        if (n < AUDIT_NUMBER_MAX)
            number[n++] = (char)c;
        digits += is_digit(c);
        at += len;
        if (at >= path.len)
            break;
        c = read_char(path, at, &len);
        if (!is_digit(c))
            break;
    }
    *number_len = n;
    *end = at;
    return digits >= (has_plus ? PLUS_DIGITS_MIN : BARE_DIGITS_MIN);
}

static bool is_word_char(unsigned char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           c == '-';
}

static bool is_uuid_at(struct text path, size_t at)
{
    return path.len - at >= UUID_LENGTH &&
           (at == 0 || !is_word_char((unsigned char)path.data[at - 1])) &&
           (path.len - at == UUID_LENGTH ||
            !is_word_char((unsigned char)path.data[at + UUID_LENGTH])) &&
           id_is_uuid(text_make(path.data + at, UUID_LENGTH));
}

size_t audit_path_hide(const struct audit_privacy *privacy, struct text path,
                       char *out, size_t size)
{
    size_t at = 0, written = 0;

    while (at < path.len && written < size) {
        char number[AUDIT_NUMBER_MAX], hidden[AUDIT_NUMBER_HIDDEN_MAX];
        const char *from = path.data + at;
        size_t number_len, end = at, n;

        if (is_uuid_at(path, at)) {
            n = UUID_LENGTH;
            at += n;
        } else if (read_number(path, at, number, &number_len, &end)) {
            n = audit_number_hide(privacy, text_make(number, number_len),
                                  hidden);
            from = hidden;
            at = end;
        } else {
            (void)read_char(path, at, &n);
            /* Digits too few for a number go together, or the tail of a run
             * would be looked at again for each of them. */
            if (is_digit((unsigned char)path.data[at]))
                n = end - at;
            at += n;
        }
        if (n > size - written)
            n = size - written;
        memcpy(out + written, from, n);
        written += n;
    }
    return written;
}
