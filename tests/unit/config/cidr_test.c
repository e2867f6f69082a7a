/* Ranges of addresses: how they are written, and what they have. */
#include "config/cidr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "base/str.h"

#define N(array) (sizeof(array) / sizeof(*(array)))

#define NO_ADDRESS "is no IP address and no range of them, as in 10.0.0.0/8"
#define NO_RANGE   "is no IP address and no range of them, as in 10.0.0.0/8"
#define NO_BITS_4  "has no length from 0 to 32 behind its '/'"
#define NO_BITS_6  "has no length from 0 to 128 behind its '/'"
#define HOST_BITS  "is no range: the address has bits set behind its length"

static void parse(const char *text, struct cidr *cidr)
{
  const char *fault = cidr_parse(str_of(text), cidr);
  if (fault)
    fail_msg("%s %s", text, fault);
}

/* As net_peer has it: IPv4 within IPv6. */
static void address_of(const char *text, uint8_t address[16])
{
  memset(address, 0, 16);
  if (inet_pton(AF_INET6, text, address) == 1)
    return;
  memset(address, 0, 10);
  address[10] = address[11] = 0xff;
  assert_int_equal(inet_pton(AF_INET, text, address + 12), 1);
}

static void ranges_have_what_lies_in_them(void **state)
{
  (void)state;
  static const struct {
    const char *range, *address;
    bool has;
  } rows[] = {
      {"10.0.0.0/8", "10.0.0.0", true},
      {"10.0.0.0/8", "10.255.255.255", true},
      {"10.0.0.0/8", "9.255.255.255", false},
      {"10.0.0.0/8", "11.0.0.0", false},
      {"10.0.0.0/8", "::10.0.0.1", false},
      {"10.0.0.0/8", "a00::", false},
      {"10.0.0.0/8", "::ffff:10.1.2.3", true},
      {"172.16.0.0/12", "172.16.0.1", true},
      {"172.16.0.0/12", "172.31.255.255", true},
      {"172.16.0.0/12", "172.32.0.0", false},
      {"172.16.0.0/12", "172.15.255.255", false},
      {"192.168.1.128/25", "192.168.1.128", true},
      {"192.168.1.128/25", "192.168.1.127", false},
      {"192.168.1.2/31", "192.168.1.3", true},
      {"192.168.1.2/31", "192.168.1.4", false},
      {"127.0.0.1", "127.0.0.1", true},
      {"127.0.0.1", "127.0.0.2", false},
      {"127.0.0.1", "::1", false},
      {"127.0.0.1/32", "127.0.0.1", true},
      {"127.0.0.1/32", "127.0.0.0", false},
      {"0.0.0.0/0", "255.255.255.255", true},
      {"0.0.0.0/0", "::1", false},
      {"0.0.0.0/0", "2001:db8::1", false},
      {"0.0.0.0", "0.0.0.0", true},
      {"0.0.0.0", "0.0.0.1", false},
      {"255.255.255.255", "255.255.255.255", true},
      {"::/0", "::1", true},
      {"::/0", "2001:db8::1", true},
      {"::/0", "10.0.0.1", true}, /* as ::ffff:10.0.0.1 */
      {"::1", "::1", true},
      {"::1", "::", false},
      {"::1/128", "::1", true},
      {"2001:db8::/32", "2001:db8::", true},
      {"2001:DB8::/32", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", true},
      {"2001:db8::/32", "2001:db9::", false},
      {"2001:db8::/33", "2001:db8:7fff::", true},
      {"2001:db8::/33", "2001:db8:8000::", false},
      {"fe80::/10", "febf::1", true},
      {"fe80::/10", "fec0::1", false},
      {"fc00::/7", "fdff::", true},
      {"fc00::/7", "fe00::", false},
      {"8000::/1", "ffff::", true},
      {"8000::/1", "7fff::", false},
      {"::ffff:10.0.0.0/104", "10.1.2.3", true},
      {"::ffff:10.0.0.0/104", "11.1.2.3", false},
      {"::ffff:0:0/96", "1.2.3.4", true},
      {"::ffff:0:0/96", "::1", false},
  };
  for (size_t i = 0; i < N(rows); i++) {
    struct cidr cidr;
    uint8_t address[16];
    parse(rows[i].range, &cidr);
    address_of(rows[i].address, address);
    struct cidr_list list = {&cidr, 1};
    if (cidr_list_has(&list, address) != rows[i].has)
      fail_msg("%s in %s: %s", rows[i].address, rows[i].range, rows[i].has ? "no" : "yes");
  }
}

/* For every length: the range of an address has those that differ behind its length, and none that
 * differs in front of it. */
static void every_length_counts_its_bits(void **state)
{
  (void)state;
  for (unsigned bits = 0; bits <= 128; bits++) {
    char text[INET6_ADDRSTRLEN + 4];
    uint8_t address[16] = {0};
    struct cidr cidr;
    for (unsigned bit = 0; bit < bits; bit += 3)
      address[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
    assert_non_null(inet_ntop(AF_INET6, address, text, sizeof text));
    size_t len = strlen(text);
    text[len] = '/';
    text[len + 1 + str_put_u64(text + len + 1, bits)] = '\0';
    parse(text, &cidr);
    assert_int_equal(cidr.bits, bits);
    struct cidr_list list = {&cidr, 1};
    assert_true(cidr_list_has(&list, address));
    for (unsigned bit = 0; bit < 128; bit++) {
      address[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
      assert_int_equal(cidr_list_has(&list, address), bit >= bits);
      address[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
    }
  }
}

static void a_list_has_what_one_of_its_ranges_has(void **state)
{
  (void)state;
  struct cidr items[3];
  uint8_t address[16];
  parse("10.0.0.0/8", &items[0]);
  parse("::1", &items[1]);
  parse("192.168.0.0/16", &items[2]);
  static const struct {
    const char *address;
    size_t n; /* with so many of the ranges */
  } rows[] = {{"10.1.1.1", 1}, {"::1", 2}, {"192.168.9.9", 3}, {"192.169.0.0", 4}};
  for (size_t i = 0; i < N(rows); i++)
    for (size_t n = 0; n <= N(items); n++) {
      struct cidr_list list = {items, n};
      address_of(rows[i].address, address);
      assert_int_equal(cidr_list_has(&list, address), n >= rows[i].n);
    }
  const struct cidr_list empty = {NULL, 0};
  assert_false(cidr_list_has(&empty, address));
}

static void what_is_no_range_is_explained(void **state)
{
  (void)state;
  static const char *const rows[][2] = {
      {"", NO_RANGE},
      {"/", NO_RANGE},
      {"/8", NO_RANGE},
      {"*", NO_RANGE},
      {"localhost", NO_RANGE},
      {"proxy.example", NO_RANGE},
      {"10", NO_RANGE},
      {"10.0.0", NO_RANGE},
      {"10/8", NO_RANGE},
      {"10.0.0.0.0", NO_RANGE},
      {"10.0.0.256", NO_RANGE},
      {"10.0.0.-1", NO_RANGE},
      {"10.0.0.0x1", NO_RANGE},
      {"010.0.0.1", NO_RANGE}, /* eight or ten? */
      {"10.0.0.1:80", NO_RANGE},
      {" 10.0.0.1", NO_RANGE},
      {"10.0.0.1 ", NO_RANGE},
      {"10.0.0.0 /8", NO_RANGE},
      {"10.0.0.0-10.0.0.9", NO_RANGE},
      {"[::1]", NO_RANGE},
      {"::1%lo", NO_RANGE},
      {":::", NO_RANGE},
      {"1:2:3:4:5:6:7", NO_RANGE},
      {"1:2:3:4:5:6:7:8:9", NO_RANGE},
      {"12345::", NO_RANGE},
      {"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", NO_ADDRESS},
      {"10.0.0.0/", NO_BITS_4},
      {"10.0.0.0/33", NO_BITS_4},
      {"10.0.0.0/-1", NO_BITS_4},
      {"10.0.0.0/+8", NO_BITS_4},
      {"10.0.0.0/8 ", NO_BITS_4},
      {"10.0.0.0/ 8", NO_BITS_4},
      {"10.0.0.0/8/8", NO_BITS_4},
      {"10.0.0.0/x", NO_BITS_4},
      {"10.0.0.0/255.0.0.0", NO_BITS_4},
      {"10.0.0.0/18446744073709551624", NO_BITS_4},
      {"10.0.0.0/4294967304", NO_BITS_4},
      {"10.0.0.0/264", NO_BITS_4},
      {"::/", NO_BITS_6},
      {"::/129", NO_BITS_6},
      {"::/256", NO_BITS_6},
      {"::/x", NO_BITS_6},
      {"10.0.0.1/8", HOST_BITS},
      {"10.0.0.0/6", HOST_BITS},
      {"128.0.0.0/0", HOST_BITS},
      {"10.0.0.1/31", HOST_BITS},
      {"::1/127", HOST_BITS},
      {"2001:db8::1/32", HOST_BITS},
      {"8000::/0", HOST_BITS},
  };
  for (size_t i = 0; i < N(rows); i++) {
    struct cidr cidr;
    const char *fault = cidr_parse(str_of(rows[i][0]), &cidr);
    if (!fault || strcmp(fault, rows[i][1]) != 0)
      fail_msg("%s: %s", rows[i][0], fault ? fault : "(taken)");
  }
  struct cidr cidr;
  assert_string_equal(cidr_parse(STR("10.0.0.1\0"), &cidr), NO_ADDRESS);
  assert_string_equal(cidr_parse(STR("10.0.0.0\0/8"), &cidr), NO_ADDRESS);
  assert_string_equal(cidr_parse(str_from(NULL, 0), &cidr), NO_RANGE);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ranges_have_what_lies_in_them),
      cmocka_unit_test(every_length_counts_its_bits),
      cmocka_unit_test(a_list_has_what_one_of_its_ranges_has),
      cmocka_unit_test(what_is_no_range_is_explained),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
