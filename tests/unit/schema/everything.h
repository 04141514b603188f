/* SPDX-License-Identifier: Apache-2.0
 *
 * everything.h - a schema with every keyword in it, for tests and fuzzers.
 */
#ifndef SCHEMA_EVERYTHING_H
#define SCHEMA_EVERYTHING_H

static const char everything_schema[] =
    "{\"$defs\":{\"tree\":{\"type\":[\"object\",\"array\",\"null\"],"
    "\"properties\":{\"l\":{\"$ref\":\"#/$defs/tree\"},\"r\":{\"$ref\":"
    "\"#/$defs/tree\"}},\"items\":{\"$ref\":\"#/$defs/tree\"},"
    "\"unevaluatedProperties\":false},"
    "\"kind\":{\"oneOf\":[{\"properties\":{\"k\":{\"const\":\"a\"},\"v\":{"
    "\"type\":\"integer\"}},\"required\":[\"k\"]},{\"properties\":{\"k\":{"
    "\"enum\":[\"b\",\"c\"]},\"v\":{\"$ref\":\"#/$defs/kind\"}},\"required\":"
    "[\"k\"]}],\"unevaluatedProperties\":{\"type\":\"string\"}}},"
    "\"properties\":{\"t\":{\"$ref\":\"#/$defs/tree\"},\"k\":{\"$ref\":"
    "\"#/$defs/kind\"},\"s\":{\"minLength\":1,\"maxLength\":4,\"pattern\":"
    "\"^(a|b)*$\"},\"n\":{\"minimum\":-1.5,\"exclusiveMaximum\":1e3,"
    "\"multipleOf\":0.5},\"e\":{\"enum\":[1,\"a\",null,[1,{\"a\":2}],{}]},"
    "\"u\":{\"uniqueItems\":true,\"contains\":{\"type\":\"integer\"},"
    "\"minContains\":1,\"maxContains\":3,\"prefixItems\":[{\"const\":0}],"
    "\"unevaluatedItems\":{\"type\":[\"array\",\"string\"]}},"
    "\"p\":{\"x-parts\":{\"alone\":[\"l\"],\"not_adjacent\":[\"t\"],"
    "\"max_public_urls\":1,\"url\":\"u\",\"presigned_hosts\":[\"h\"]}},"
    "\"d\":{\"x-decorations\":{\"text\":\"t\",\"list\":\"l\",\"range\":\"r\","
    "\"exactly_one\":[\"s\",\"a\"],\"exclusive\":[\"a\"]}}},"
    "\"patternProperties\":{\"^x\":{\"not\":{\"type\":\"null\"}},\"y$\":{"
    "\"format\":\"uuid\"}},\"additionalProperties\":{\"type\":[\"string\","
    "\"number\",\"object\"]},\"propertyNames\":{\"maxLength\":8},"
    "\"dependentRequired\":{\"a\":[\"b\"]},\"dependentSchemas\":{\"c\":{"
    "\"maxProperties\":3}},\"if\":{\"required\":[\"s\"]},\"then\":{"
    "\"properties\":{\"n\":{\"type\":\"integer\"}}},\"else\":{"
    "\"minProperties\":1},\"anyOf\":[{\"type\":\"object\"},{\"type\":"
    "\"array\",\"minItems\":2},{\"type\":\"string\",\"enum\":[\"a\"]}]}";

#endif
