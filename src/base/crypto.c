/* SPDX-License-Identifier: Apache-2.0
 *
 * base/crypto.c - OpenSSL's digests, the kernel's random bytes.
 *
 * Random bytes come from getrandom(2): no state that a fork could double,
 * no seeding that could fail late. SHA-256 is fetched once, since OpenSSL 3
 * otherwise looks it up by name for every digest.
 *
 * RFC 4648 (base64), RFC 2104 (HMAC).
 */
#include "base/crypto.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sys/random.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;
static EVP_MD *fetched; /* for the life of the process */

static void fetch(void)
{
    fetched = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static const EVP_MD *sha256(void)
{
    pthread_once(&fetch_once, fetch);
    /* If memory was short just then, the slow way remains. */
    return fetched ? fetched : EVP_sha256();
}

enum status crypto_random(void *out, size_t len)
{
    unsigned char *p = out;

    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);

        if (n < 0 && errno != EINTR)
            return STATUS_UNAVAILABLE;
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        }
    }
    return STATUS_OK;
}

enum status crypto_sha256(struct text data, uint8_t out[CRYPTO_SHA256_SIZE])
{
    uint8_t digest[CRYPTO_SHA256_SIZE];

    /* A digest fails for want of memory only. */
    if (EVP_Digest(data.len > 0 ? data.data : "", data.len, digest, NULL,
                   sha256(), NULL) != 1)
        return STATUS_NO_MEMORY;
    memcpy(out, digest, sizeof(digest));
    return STATUS_OK;
}

enum status crypto_sha1(struct text data, uint8_t out[CRYPTO_SHA1_SIZE])
{
    uint8_t digest[CRYPTO_SHA1_SIZE];

    if (EVP_Digest(data.len > 0 ? data.data : "", data.len, digest, NULL,
                   EVP_sha1(), NULL) != 1)
        return STATUS_NO_MEMORY;
    memcpy(out, digest, sizeof(digest));
    return STATUS_OK;
}

enum status crypto_hmac_sha256(struct text key, struct text data,
                               uint8_t out[CRYPTO_SHA256_SIZE])
{
    uint8_t digest[CRYPTO_SHA256_SIZE];

    if (key.len > INT_MAX)
        return STATUS_TOO_LARGE;
    if (!HMAC(sha256(), key.len > 0 ? key.data : "", (int)key.len,
              (const unsigned char *)(data.len > 0 ? data.data : ""), data.len,
              digest, NULL))
        return STATUS_NO_MEMORY;
    memcpy(out, digest, sizeof(digest));
    return STATUS_OK;
}

bool crypto_equal(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}

void crypto_hex(const void *data, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *p = data;

    for (size_t i = 0; i < len; i++) {
        *out++ = digits[p[i] >> 4];
        *out++ = digits[p[i] & 15];
    }
    *out = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

enum status crypto_unhex(struct text hex, void *out, size_t len)
{
    uint8_t *p = out;

    if (len > SIZE_MAX / 2 || hex.len != 2 * len)
        return STATUS_INVALID;
    for (size_t i = 0; i < hex.len; i++)
        if (hex_value(hex.data[i]) < 0)
            return STATUS_INVALID;
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)(hex_value(hex.data[2 * i]) * 16 +
                         hex_value(hex.data[2 * i + 1]));
    return STATUS_OK;
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    if (c == '/')
        return 63;
    return -1;
}

/* How many bytes `in` decodes to; STATUS_INVALID unless it is canonical:
 * whole groups of four, padding only at the end, unused bits zero. */
static enum status base64_check(struct text in, size_t *bytes)
{
    size_t digits = in.len, padding;
    int last;

    if (in.len % 4 != 0)
        return STATUS_INVALID;
    while (digits > 0 && in.len - digits < 2 && in.data[digits - 1] == '=')
        digits--;
    for (size_t i = 0; i < digits; i++)
        if (base64_value(in.data[i]) < 0)
            return STATUS_INVALID;
    padding = in.len - digits;
    last = digits > 0 ? base64_value(in.data[digits - 1]) : 0;
    if ((padding == 1 && (last & 3) != 0) || (padding == 2 && (last & 15) != 0))
        return STATUS_INVALID;
    *bytes = in.len / 4 * 3 - padding;
    return STATUS_OK;
}

void crypto_base64_encode(const void *data, size_t len, char *out)
{
    EVP_EncodeBlock((unsigned char *)out, data, (int)len);
}

enum status crypto_base64_decode(struct text in, void *out, size_t size,
                                 size_t *len)
{
    uint8_t *p = out;
    uint32_t bits = 0;
    size_t bytes = 0, done = 0;
    unsigned have = 0;
    enum status s = base64_check(in, &bytes);

    if (s != STATUS_OK)
        return s;
    if (bytes > size)
        return STATUS_TOO_LARGE;
    for (size_t i = 0; i < in.len && done < bytes; i++) {
        bits = bits << 6 | (uint32_t)base64_value(in.data[i]);
        have += 6;
        if (have < 8)
            continue;
        have -= 8;
        p[done++] = (uint8_t)(bits >> have);
    }
    *len = bytes;
    return STATUS_OK;
}
