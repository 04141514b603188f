/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypto.h"
#include "base/check.h"
#include "unit.h"

static void expect_hex(const uint8_t *digest, const char *hex)
{
    char out[2 * CRYPTO_SHA256_SIZE + 1];

    crypto_hex(digest, CRYPTO_SHA256_SIZE, out);
    ck_assert_str_eq(out, hex);
}

START_TEST(sha256_of_known_texts)
{
    uint8_t d[CRYPTO_SHA256_SIZE];

    /* FIPS 180-4, example values */
    ck_assert_int_eq(crypto_sha256(text_of(NULL), d), STATUS_OK);
    expect_hex(d, "e3b0c44298fc1c149afbf4c8996fb924"
                  "27ae41e4649b934ca495991b7852b855");
    ck_assert_int_eq(crypto_sha256(TEXT_LIT("abc"), d), STATUS_OK);
    expect_hex(d, "ba7816bf8f01cfea414140de5dae2223"
                  "b00361a396177a9cb410ff61f20015ad");
}
END_TEST

START_TEST(hmac_of_known_texts)
{
    uint8_t d[CRYPTO_SHA256_SIZE];

    /* RFC 4231, test case 2 */
    ck_assert_int_eq(
        crypto_hmac_sha256(TEXT_LIT("Jefe"),
                           TEXT_LIT("what do ya want for nothing?"), d),
        STATUS_OK);
    expect_hex(d, "5bdcc146bf60754e6a042426089575c7"
                  "5a003f089d2739839dec58b964ec3843");
    ck_assert_int_eq(crypto_hmac_sha256(text_of(NULL), text_of(NULL), d),
                     STATUS_OK);
    expect_hex(d, "b613679a0814d9ec772f95d778c35fc5"
                  "ff1697c493715653c6c712144292c5ad");
}
END_TEST

START_TEST(random_bytes_differ)
{
    uint8_t a[1000] = {0}, b[1000] = {0};
    int zeros = 0;

    ck_assert_int_eq(crypto_random(a, sizeof(a)), STATUS_OK);
    ck_assert_int_eq(crypto_random(b, sizeof(b)), STATUS_OK);
    ck_assert(!crypto_equal(a, b, sizeof(a)));
    for (size_t i = 0; i < sizeof(a); i++)
        zeros += a[i] == 0;
    ck_assert_int_lt(zeros, 100); /* all of it was filled: about 4 */
    ck_assert_int_eq(crypto_random(NULL, 0), STATUS_OK);
}
END_TEST

START_TEST(equality_sees_every_byte)
{
    ck_assert(crypto_equal("abc", "abc", 3));
    ck_assert(!crypto_equal("abc", "abd", 3));
    ck_assert(!crypto_equal("abc", "bbc", 3));
    ck_assert(crypto_equal("abc", "xyz", 0));
}
END_TEST

START_TEST(hex_is_strict)
{
    static const char *const bad[] = {"",    "0",    "0g", "g0",      "00 ",
                                      "0x0", "0001", "-1", "\xc3\xa9"};
    uint8_t out[4] = {7, 7, 7, 7};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(crypto_unhex(text_of(bad[i]), out, 1) == STATUS_INVALID,
                      "'%s'", bad[i]);
    ck_assert_int_eq(crypto_unhex(TEXT_LIT("000g"), out, 2), STATUS_INVALID);
    ck_assert_int_eq(out[0], 7); /* untouched */
    ck_assert_int_eq(crypto_unhex(TEXT_LIT("00fFA5"), out, 3), STATUS_OK);
    ck_assert(crypto_equal(out, "\x00\xff\xa5\x07", 4));
    ck_assert_int_eq(crypto_unhex(TEXT_LIT(""), out, 0), STATUS_OK);
}
END_TEST

START_TEST(base64_is_strict)
{
    static const char *const bad[] = {
        "Z",    "Zg",   "Zg=",      "Zg===", "=",          "==",   "===",
        "====", "Z===", "Zh==",     "Zm9=",  "Zg=v",       "Zm 9", "Zm9v\n",
        "Zm9-", "Zm9_", "Zg==Zg==", "Zm9v=", "\xc3\xa9==",
    };
    char out[64] = "untouched";
    size_t len = 77;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(crypto_base64_decode(text_of(bad[i]), out, sizeof(out),
                                           &len) == STATUS_INVALID,
                      "'%s'", bad[i]);
    ck_assert_int_eq(crypto_base64_decode(TEXT_LIT("Zm9v"), out, 2, &len),
                     STATUS_TOO_LARGE);
    ck_assert_str_eq(out, "untouched");
    ck_assert_uint_eq(len, 77);
}
END_TEST

/* RFC 4648 section 10, and bytes of every kind. */
START_TEST(base64_of_known_texts)
{
    static const struct {
        const char *in;
        struct text out;
    } known[] = {
        {"", TEXT("")},
        {"Zg==", TEXT("f")},
        {"Zm8=", TEXT("fo")},
        {"Zm9v", TEXT("foo")},
        {"Zm9vYg==", TEXT("foob")},
        {"Zm9vYmE=", TEXT("fooba")},
        {"Zm9vYmFy", TEXT("foobar")},
        {"AP/+gA==", TEXT("\0\xff\xfe\x80")},
    };
    char out[8];
    size_t len;

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        ck_assert_int_eq(crypto_base64_decode(text_of(known[i].in), out,
                                              known[i].out.len, &len),
                         STATUS_OK);
        ck_assert(text_equal(text_make(out, len), known[i].out));
    }
}
END_TEST

UNIT_MAIN("crypto", sha256_of_known_texts, hmac_of_known_texts,
          random_bytes_differ, equality_sees_every_byte, hex_is_strict,
          base64_is_strict, base64_of_known_texts)
