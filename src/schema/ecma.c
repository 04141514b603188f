/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/ecma.c - one pass over a pattern, no tree.
 *
 * Every literal leaves as itself or as \x{...}, every group as (?:...): with
 * back references refused nobody needs to know what a group held. Classes
 * such as \s are spelt out. PCRE2 runs without UCP, so that its own \d, \w
 * and \b are the ASCII ones that ECMA-262 means.
 *
 * Back references are refused, and not for their meaning alone: they are
 * what no budget of steps can make cheap.
 *
 * ECMA-262 section 22.2.1, with the leniency of annex B.1.2 where it cannot
 * be misread: a brace that begins no quantifier, a bracket that closes
 * nothing, and needless escapes of punctuation stand for themselves.
 */
#include "schema/ecma.h"

#include "base/check.h"

#define REPEAT_MAX 65535 /* PCRE2's */
#define CALLOUT_TEXT "1"
_Static_assert(ECMA_CALLOUT == 1, "its text");

struct reader {
    const char *p, *begin, *end;
    struct buffer *to;
    enum status status; /* of writing; sticks */
    const char *error;
    unsigned depth; /* open groups */
    struct ecma_shape shape;
};

/* What an atom is, for the quantifier behind it. */
enum atom { ATOM_NONE, ATOM_ASSERTION, ATOM_WHOLE };

static void put(struct reader *r, const char *cstr)
{
    if (r->status == STATUS_OK)
        r->status = buffer_append_str(r->to, cstr);
}

static void put_bytes(struct reader *r, const char *p, size_t len)
{
    if (r->status == STATUS_OK)
        r->status = buffer_append(r->to, p, len);
}

static void put_code(struct reader *r, uint32_t c)
{
    if (r->status == STATUS_OK)
        r->status = buffer_printf(r->to, "\\x{%x}", c);
}

static bool fail(struct reader *r, const char *error)
{
    if (!r->error)
        r->error = error;
    return false;
}

static bool looking_at(const struct reader *r, const char *cstr)
{
    size_t len = strlen(cstr);

    return (size_t)(r->end - r->p) >= len && memcmp(r->p, cstr, len) == 0;
}

static bool take(struct reader *r, const char *cstr)
{
    if (!looking_at(r, cstr))
        return false;
    r->p += strlen(cstr);
    return true;
}

/* ---- characters ---- */

/* WhiteSpace and LineTerminator of ECMA-262 section 12. */
#define SPACES                                                                 \
    "\\x{9}-\\x{d}\\x{20}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}"                  \
    "\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}"
#define NO_SPACES                                                              \
    "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{9f}\\x{a1}-\\x{167f}"              \
    "\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}"                \
    "\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{d7ff}"                \
    "\\x{e000}-\\x{fefe}\\x{ff00}-\\x{10ffff}"

/* One character of the pattern, which is valid UTF-8. */
static uint32_t take_character(struct reader *r)
{
    uint8_t lead = (uint8_t)*r->p++;
    uint32_t c;
    int more;

    if (lead < 0x80)
        return lead;
    more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    c = lead & (0x3Fu >> more);
    while (more-- > 0 && r->p < r->end)
        c = c << 6 | ((uint8_t)*r->p++ & 0x3F);
    return c;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool take_hex(struct reader *r, int digits, uint32_t *out)
{
    uint32_t c = 0;
    int i;

    if (r->end - r->p < digits)
        return false;
    for (i = 0; i < digits; i++) {
        int v = hex_value(r->p[i]);

        if (v < 0)
            return false;
        c = c << 4 | (uint32_t)v;
    }
    r->p += digits;
    *out = c;
    return true;
}

/* Behind "\u": four digits, a pair of escapes, or digits in braces. */
static bool take_unicode(struct reader *r, uint32_t *out)
{
    uint32_t c = 0, low;
    const char *from;

    if (take(r, "{")) {
        for (from = r->p; r->p < r->end && hex_value(*r->p) >= 0; r->p++) {
            c = c << 4 | (uint32_t)hex_value(*r->p);
            if (c > 0x10FFFF)
                return fail(r, "\\u{...} is above U+10FFFF");
        }
        if (r->p == from || !take(r, "}"))
            return fail(r, "\\u{...} needs hexadecimal digits");
    } else if (!take_hex(r, 4, &c)) {
        return fail(r, "\\u needs 4 hexadecimal digits, or \\u{...}");
    }
    if (c >= 0xD800 && c <= 0xDBFF && take(r, "\\u")) {
        if (!take_hex(r, 4, &low) || low < 0xDC00 || low > 0xDFFF)
            return fail(r, "half a surrogate pair matches no text");
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    }
    if (c >= 0xD800 && c <= 0xDFFF)
        return fail(r, "half a surrogate pair matches no text");
    *out = c;
    return true;
}

/* Behind a backslash: an escape that stands for one character. */
static bool take_character_escape(struct reader *r, uint32_t *out)
{
    static const char from[] = "tnvfr", to[] = "\t\n\v\f\r";
    const char *known;
    char c = *r->p;

    known = strchr(from, c);
    if (c != '\0' && known) {
        r->p++;
        *out = (uint8_t)to[known - from];
        return true;
    }
    if (take(r, "u"))
        return take_unicode(r, out);
    if (take(r, "x"))
        return take_hex(r, 2, out) || fail(r, "\\x needs 2 hexadecimal digits");
    if (take(r, "c")) {
        if (r->p == r->end ||
            !((*r->p >= 'a' && *r->p <= 'z') || (*r->p >= 'A' && *r->p <= 'Z')))
            return fail(r, "\\c needs a letter");
        *out = (uint8_t)*r->p++ & 0x1F;
        return true;
    }
    if (take(r, "0")) {
        if (r->p < r->end && *r->p >= '0' && *r->p <= '9')
            return fail(r, "octal escapes are not part of ECMA-262");
        *out = 0;
        return true;
    }
    if ((c >= '1' && c <= '9') || c == 'k')
        return fail(r, "back references are not enforced: no limit of steps "
                       "makes them cheap");
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
        (uint8_t)c >= 0x80 || (uint8_t)c < ' ')
        return fail(r, "this escape is not part of ECMA-262");
    *out = (uint8_t)*r->p++;
    return true;
}

/* ---- \p{...} ---- */

static const char *const categories[][2] = {
    {"Letter", "L"},
    {"Cased_Letter", "LC"},
    {"Uppercase_Letter", "Lu"},
    {"Lowercase_Letter", "Ll"},
    {"Titlecase_Letter", "Lt"},
    {"Modifier_Letter", "Lm"},
    {"Other_Letter", "Lo"},
    {"Mark", "M"},
    {"Combining_Mark", "M"},
    {"Nonspacing_Mark", "Mn"},
    {"Spacing_Mark", "Mc"},
    {"Enclosing_Mark", "Me"},
    {"Number", "N"},
    {"Decimal_Number", "Nd"},
    {"digit", "Nd"},
    {"Letter_Number", "Nl"},
    {"Other_Number", "No"},
    {"Punctuation", "P"},
    {"punct", "P"},
    {"Connector_Punctuation", "Pc"},
    {"Dash_Punctuation", "Pd"},
    {"Open_Punctuation", "Ps"},
    {"Close_Punctuation", "Pe"},
    {"Initial_Punctuation", "Pi"},
    {"Final_Punctuation", "Pf"},
    {"Other_Punctuation", "Po"},
    {"Symbol", "S"},
    {"Math_Symbol", "Sm"},
    {"Currency_Symbol", "Sc"},
    {"Modifier_Symbol", "Sk"},
    {"Other_Symbol", "So"},
    {"Separator", "Z"},
    {"Space_Separator", "Zs"},
    {"Line_Separator", "Zl"},
    {"Paragraph_Separator", "Zp"},
    {"Other", "C"},
    {"Control", "Cc"},
    {"cntrl", "Cc"},
    {"Format", "Cf"},
    {"Surrogate", "Cs"},
    {"Private_Use", "Co"},
    {"Unassigned", "Cn"},
};

/* ECMA-262 table 68; PCRE2 knows the same names. */
static const char *const binaries[] = {
    "ASCII",
    "ASCII_Hex_Digit",
    "Alphabetic",
    "Any",
    "Bidi_Control",
    "Bidi_Mirrored",
    "Case_Ignorable",
    "Cased",
    "Changes_When_Casefolded",
    "Changes_When_Casemapped",
    "Changes_When_Lowercased",
    "Changes_When_Titlecased",
    "Changes_When_Uppercased",
    "Dash",
    "Default_Ignorable_Code_Point",
    "Deprecated",
    "Diacritic",
    "Emoji",
    "Emoji_Component",
    "Emoji_Modifier",
    "Emoji_Modifier_Base",
    "Emoji_Presentation",
    "Extended_Pictographic",
    "Extender",
    "Grapheme_Base",
    "Grapheme_Extend",
    "Hex_Digit",
    "IDS_Binary_Operator",
    "IDS_Trinary_Operator",
    "ID_Continue",
    "ID_Start",
    "Ideographic",
    "Join_Control",
    "Logical_Order_Exception",
    "Lowercase",
    "Math",
    "Noncharacter_Code_Point",
    "Pattern_Syntax",
    "Pattern_White_Space",
    "Quotation_Mark",
    "Radical",
    "Regional_Indicator",
    "Sentence_Terminal",
    "Soft_Dotted",
    "Terminal_Punctuation",
    "Unified_Ideograph",
    "Uppercase",
    "Variation_Selector",
    "White_Space",
    "XID_Continue",
    "XID_Start",
};

/* The short name of a general category, or NULL. */
static const char *category_find(struct text name)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(categories); i++)
        if (text_is(name, categories[i][0]) || text_is(name, categories[i][1]))
            return categories[i][1];
    return NULL;
}

static bool put_script(struct reader *r, bool negated, const char *kind,
                       struct text name)
{
    size_t i;

    for (i = 0; i < name.len; i++)
        if (!((name.data[i] | 0x20) >= 'a' && (name.data[i] | 0x20) <= 'z') &&
            name.data[i] != '_')
            return fail(r, "not the name of a script");
    put(r, negated ? "\\P{" : "\\p{");
    put(r, kind);
    put_bytes(r, name.data, name.len);
    put(r, "}");
    return true;
}

/* Behind "\p" or "\P". */
static bool translate_property(struct reader *r, bool negated)
{
    struct text name, value;
    const char *close, *category;
    size_t i;

    close = r->p < r->end ? memchr(r->p, '}', (size_t)(r->end - r->p)) : NULL;
    if (!close || *r->p != '{')
        return fail(r, "\\p needs a property's name in braces");
    value =
        text_cut(text_make(r->p + 1, (size_t)(close - r->p) - 1), '=', &name);
    r->p = close + 1;
    if (text_is(name, "Script") || text_is(name, "sc"))
        return put_script(r, negated, "sc:", value);
    if (text_is(name, "Script_Extensions") || text_is(name, "scx"))
        return put_script(r, negated, "scx:", value);
    if (text_is(name, "General_Category") || text_is(name, "gc"))
        name = value;
    else if (!text_is_absent(value))
        return fail(r, "not a Unicode property that ECMA-262 knows");
    category = category_find(name);
    if (category && strcmp(category, "LC") == 0)
        category = "L&";
    for (i = 0; !category && i < ARRAY_LEN(binaries); i++)
        if (text_is(name, binaries[i]))
            category = binaries[i];
    if (!category)
        return fail(r, "not a Unicode property that ECMA-262 knows");
    put(r, negated ? "\\P{" : "\\p{");
    put(r, category);
    put(r, "}");
    return true;
}

/* ---- classes ---- */

/* Behind a backslash: an escape that stands for many characters. *was: there
 * was one. Without `in_class` brackets are put around. */
static bool translate_class_escape(struct reader *r, bool in_class, bool *was)
{
    char c = *r->p;

    *was = true;
    switch (c) {
    case 'd':
    case 'D':
    case 'w':
    case 'W':
        put(r, "\\");
        put_bytes(r, &c, 1);
        break;
    case 's':
    case 'S':
        put(r, in_class ? "" : "[");
        put(r, c == 's' ? SPACES : NO_SPACES);
        put(r, in_class ? "" : "]");
        break;
    case 'p':
    case 'P':
        r->p++;
        return translate_property(r, c == 'P');
    default:
        *was = false;
        return true;
    }
    r->p++;
    return true;
}

/* One member of a class: a set, which has been written, or a character. */
static bool take_class_atom(struct reader *r, bool *is_set, uint32_t *c)
{
    *is_set = false;
    if (!take(r, "\\")) {
        *c = take_character(r);
        return true;
    }
    if (r->p == r->end)
        return fail(r, "a backslash ends the pattern");
    if (take(r, "b")) {
        *c = '\b';
        return true;
    }
    if (!translate_class_escape(r, true, is_set))
        return false;
    return *is_set || take_character_escape(r, c);
}

/* Behind "[". */
static bool translate_class(struct reader *r)
{
    bool negated = take(r, "^"), is_set = false, to_set = false;
    uint32_t from = 0, to = 0;

    if (take(r, "]")) {
        put(r, negated ? "(?s:.)" : "(?!)");
        return true;
    }
    put(r, negated ? "[^" : "[");
    while (!take(r, "]")) {
        if (r->p == r->end)
            return fail(r, "a class is not closed by ]");
        if (!take_class_atom(r, &is_set, &from))
            return false;
        if (r->end - r->p < 2 || *r->p != '-' || r->p[1] == ']') {
            if (!is_set)
                put_code(r, from);
            continue;
        }
        r->p++;
        if (is_set)
            return fail(r, "a range of characters begins with a class");
        put_code(r, from);
        put(r, "-");
        if (!take_class_atom(r, &to_set, &to))
            return false;
        if (to_set)
            return fail(r, "a range of characters ends with a class");
        if (to < from)
            return fail(r, "a range of characters ends before it begins");
        put_code(r, to);
    }
    put(r, "]");
    return true;
}

/* ---- atoms and quantifiers ---- */

/* Behind "(". */
static bool translate_open(struct reader *r)
{
    static const char *const assertions[] = {"?=", "?!", "?<=", "?<!"};
    enum { LOOKAHEADS = 2 };
    size_t i;

    for (i = 0; i < ARRAY_LEN(assertions); i++) {
        if (!take(r, assertions[i]))
            continue;
        put(r, "(");
        put(r, assertions[i]);
        if (i < LOOKAHEADS)
            put(r, "(?C" CALLOUT_TEXT ")");
        return true;
    }
    if (take(r, "?<")) {
        const char *close = memchr(r->p, '>', (size_t)(r->end - r->p));

        if (!close || close == r->p)
            return fail(r, "a group's name is not closed by >");
        r->p = close + 1;
    } else if (!take(r, "?:") && looking_at(r, "?")) {
        return fail(r, "this kind of group is not part of ECMA-262");
    }
    put(r, "(?:");
    return true;
}

static bool translate_escape(struct reader *r, enum atom *atom)
{
    uint32_t c = 0;
    bool was = false;

    if (r->p == r->end)
        return fail(r, "a backslash ends the pattern");
    if (*r->p == 'b' || *r->p == 'B') {
        put(r, *r->p++ == 'b' ? "\\b" : "\\B");
        *atom = ATOM_ASSERTION;
        return true;
    }
    if (!translate_class_escape(r, false, &was))
        return false;
    if (was)
        return true;
    if (!take_character_escape(r, &c))
        return false;
    put_code(r, c);
    return true;
}

static bool take_count(struct reader *r, const char **p, uint32_t *out)
{
    const char *from = *p;

    *out = 0;
    for (; *p < r->end && **p >= '0' && **p <= '9'; (*p)++)
        if (*out <= REPEAT_MAX)
            *out = *out * 10 + (uint32_t)(**p - '0');
    return *p > from;
}

/* At "{": is it a quantifier? *end is behind it then. */
static bool is_repeat(struct reader *r, const char **end)
{
    const char *p = r->p + 1;
    uint32_t least, most;

    if (!take_count(r, &p, &least))
        return false;
    most = least;
    if (p < r->end && *p == ',') {
        p++;
        if (p < r->end && *p != '}' && !take_count(r, &p, &most))
            return false;
    }
    if (p == r->end || *p != '}')
        return false;
    if (least > REPEAT_MAX || most > REPEAT_MAX)
        fail(r, "a repetition of more than 65535 is not enforced");
    r->shape.repeats += least;
    *end = p + 1;
    return true;
}

static bool translate_quantifier(struct reader *r, enum atom *atom, bool *was)
{
    const char *end = r->p + 1;

    *was = *r->p == '*' || *r->p == '+' || *r->p == '?' ||
           (*r->p == '{' && is_repeat(r, &end));
    if (!*was)
        return true;
    if (r->error)
        return false;
    if (*atom != ATOM_WHOLE)
        return fail(r, *atom == ATOM_NONE ? "there is nothing to repeat"
                                          : "an assertion is repeated");
    put_bytes(r, r->p, (size_t)(end - r->p));
    r->p = end;
    if (take(r, "?"))
        put(r, "?");
    *atom = ATOM_NONE;
    return true;
}

static bool translate_atom(struct reader *r, enum atom *atom)
{
    char c = *r->p;

    *atom = ATOM_WHOLE;
    if ((uint8_t)c >= 0x80 || !strchr("\\[().^$|", c) || c == '\0') {
        put_code(r, take_character(r));
        return true;
    }
    r->p++;
    switch (c) {
    case '\\':
        return translate_escape(r, atom);
    case '[':
        return translate_class(r);
    case '.':
        put(r, "[^\\n\\r\\x{2028}\\x{2029}]");
        return true;
    case '(':
        *atom = ATOM_NONE;
        r->depth++;
        return translate_open(r);
    case ')':
        /* Also of a lookaround, which ECMA-262 (annex B) lets repeat: so
         * does PCRE2, with the same meaning. */
        if (r->depth == 0)
            return fail(r, "a ) closes nothing");
        r->depth--;
        break;
    case '|':
        *atom = ATOM_NONE;
        r->shape.has_choice = r->shape.has_choice || r->depth == 0;
        break;
    default: /* ^ and $ */
        *atom = ATOM_ASSERTION;
        break;
    }
    put_bytes(r, &c, 1);
    return true;
}

enum status ecma_translate(struct text pattern, struct buffer *to,
                           struct ecma_shape *shape, const char **error,
                           size_t *at)
{
    struct reader r = {.p = pattern.data,
                       .begin = pattern.data,
                       .end = pattern.data + pattern.len,
                       .to = to};
    enum atom atom = ATOM_NONE;
    bool was;

    while (r.p < r.end && !r.error) {
        if (translate_quantifier(&r, &atom, &was) && !was)
            translate_atom(&r, &atom);
    }
    if (!r.error && r.depth > 0)
        r.error = "a ( is not closed";
    if (r.error) {
        *error = r.error;
        *at = (size_t)(r.p - r.begin);
        return STATUS_INVALID;
    }
    *shape = r.shape;
    return r.status;
}
