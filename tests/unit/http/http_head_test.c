/* Request heads and the answer to each, by the sections of RFC 9110 and RFC 9112. Each row is read
 * at once, byte by byte, and with another request behind it. */
#include "head_fixture.h"

static void lines_end_as_rfc_9112_2_2_has_it(void **state)
{
  (void)state;
  static const struct row rows[] = {
      WITH("", 0, GOOD),
      /* One empty line in front does not count, a second one does. */
      ROW("\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 0, GOOD),
      ROW("\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NO_METHOD),
      ROW("\r\n\r\n\r\n", 400, NO_METHOD),
      ROW("\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NO_METHOD),
      ROW("\rGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NO_METHOD),
      ROW("\r\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NO_METHOD),
      ROW("\r\n\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NO_METHOD),
      ROW("\r\n GET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NO_METHOD),
      ROW(" GET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NO_METHOD),
      ROW("\tGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NO_METHOD),
      ROW("\0GET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NO_METHOD),
      ROW(" \r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NO_METHOD),
      /* A line feed alone ends no line. */
      ROW("GET / HTTP/1.1\nHost: x\n\n", 400, BARE_LF),
      ROW("GET / HTTP/1.1\nHost: x\r\n\r\n", 400, BARE_LF),
      ROW("GET / HTTP/1.1\r\nHost: x\n\r\n", 400, BARE_LF),
      ROW("GET / HTTP/1.1\r\nHost: x\r\n\n", 400, BARE_LF),
      ROW("GET / HTTP/1.1\r\n\nHost: x\r\n\r\n", 400, BARE_LF),
      ROW("GET / HTTP/1.1\r\nHost: x\r\nA: b\nTransfer-Encoding: chunked\r\n\r\n", 400, BARE_LF),
      ROW("GET /\nHTTP/1.1\r\nHost: x\r\n\r\n", 400, BARE_LF),
      ROW("GET\n/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, BARE_LF),
      /* A carriage return alone is not a blank. */
      ROW("GET / HTTP/1.1\r\r\nHost: x\r\n\r\n", 400, BARE_CR),
      ROW("GET / HTTP/1.1\rHost: x\r\n\r\n", 400, BARE_CR),
      ROW("GET /\rHTTP/1.1\r\nHost: x\r\n\r\n", 400, BARE_CR),
      ROW("GET\r/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, BARE_CR),
      ROW("GET / HTTP/1.1\r\nHost: x\r\r\n\r\n", 400, BARE_CR),
      ROW("GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n", 400, BARE_CR),
      ROW("GET / HTTP/1.1\r\nHost:\rx\r\n\r\n", 400, BARE_CR),
      ROW("GET / HTTP/1.1\r\nHost\r: x\r\n\r\n", 400, BARE_CR),
      ROW("GET / HTTP/1.1\r\n\rHost: x\r\n\r\n", 400, BARE_CR),
      /* Nor is it a dash, which it is but for the bit that makes letters small. */
      ROW("GET / HTTP/1.1\r\nHost: x\r\nContent\rLength: 0\r\n\r\n", 400, BARE_CR),
      ROW("GET / HTTP/1.1\r\nHost: x\r\n\r\r\n\r\n", 400, BARE_CR),
      /* No blank between the request line and the first header. */
      ROW("GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400, FOLDED),
      ROW("GET / HTTP/1.1\r\n\tHost: x\r\n\r\n", 400, FOLDED),
      ROW("GET / HTTP/1.1\r\n \r\nHost: x\r\n\r\n", 400, FOLDED),
      /* Another protocol is told at its first byte. */
      ROW("\x16\x03\x01", 400, NO_TLS),
      ROW("\r\n\x16\x03\x01", 400, NO_TLS),
      ROW("\x16", 400, NO_TLS),
      ROW("\x80\x2e", 400, NO_METHOD),
      ROW("\x00\x00", 400, NO_METHOD),
      ROW("\xff", 400, NO_METHOD),
      ROW("(", 400, NO_METHOD),
      ROW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, OTHER_VERSION),
      ROW("CONNECT\naccept-version:1.2\n\n", 400, BARE_LF),
      ROW("SSH-2.0-client\r\n\r\n", 400, NO_LINE),
  };
  expect_rows(rows, N(rows));
}

static void request_lines_are_those_of_rfc_9112_3(void **state)
{
  (void)state;
  static const struct row rows[] = {
      LINE("GET", 400, NO_LINE),
      LINE("GET ", 400, NO_LINE),
      LINE("GET /", 400, NO_LINE), /* HTTP/0.9 */
      LINE("GET/ HTTP/1.1", 400, NO_LINE),
      LINE("GET /HTTP/1.1", 400, NO_LINE),
      LINE("GET  HTTP/1.1", 400, NO_TARGET),
      LINE("GET / ", 400, NO_VERSION),
      LINE("GET  / HTTP/1.1", 400, BAD_TARGET),
      LINE("GET /  HTTP/1.1", 400, BAD_TARGET),
      LINE("GET / HTTP/1.1 ", 400, NO_VERSION),
      LINE("GET /\tHTTP/1.1", 400, NO_LINE),
      LINE("GET\t/ HTTP/1.1", 400, NO_LINE),
      LINE("GET\t/\tHTTP/1.1", 400, NO_LINE),
      LINE("GET / HTTP/1.1\t", 400, NO_VERSION),
      LINE("GET /\vHTTP/1.1", 400, NO_LINE),
      LINE("GET / x HTTP/1.1", 400, BAD_TARGET),
      LINE("GET / HTTP/1.1 HTTP/1.1", 400, BAD_TARGET),
      LINE("Host: x", 400, NO_LINE),
      LINE("Host: x y", 400, NO_METHOD),
      LINE(":: / HTTP/1.1", 400, NO_METHOD),
  };
  expect_rows(rows, N(rows));
}

static void methods_are_those_of_rfc_9110_9(void **state)
{
  (void)state;
  static const struct row rows[] = {
      LINE("GET / HTTP/1.1", 0, GOOD),
      LINE("HEAD / HTTP/1.1", 0, "HEAD 1.1 path=/ host=x keep"),
      LINE("POST / HTTP/1.1", 0, "POST 1.1 path=/ host=x keep"),
      LINE("PUT / HTTP/1.1", 0, "PUT 1.1 path=/ host=x keep"),
      LINE("DELETE / HTTP/1.1", 0, "DELETE 1.1 path=/ host=x keep"),
      LINE("OPTIONS / HTTP/1.1", 0, "OPTIONS 1.1 path=/ host=x keep"),
      LINE("TRACE / HTTP/1.1", 0, "TRACE 1.1 path=/ host=x keep"),
      LINE("PATCH / HTTP/1.1", 0, "PATCH 1.1 path=/ host=x keep"),
      LINE("CONNECT a:1 HTTP/1.1", 0, "CONNECT 1.1 host=x keep"),
      /* They have a case (9.1). */
      LINE("get / HTTP/1.1", 501, OTHER_METHOD),
      LINE("Get / HTTP/1.1", 501, OTHER_METHOD),
      LINE("GEt / HTTP/1.1", 501, OTHER_METHOD),
      LINE("connect a:1 HTTP/1.1", 501, OTHER_METHOD),
      LINE("G / HTTP/1.1", 501, OTHER_METHOD),
      LINE("GETT / HTTP/1.1", 501, OTHER_METHOD),
      LINE("GE / HTTP/1.1", 501, OTHER_METHOD),
      LINE("PROPFIND / HTTP/1.1", 501, OTHER_METHOD),
      LINE("BREW /pot HTTP/1.1", 501, OTHER_METHOD),
      LINE("!#$%&'*+-.^_`|~09azAZ / HTTP/1.1", 501, OTHER_METHOD),
      LINE("BREW pot HTTP/1.1", 501, OTHER_METHOD),
      LINE("G(T / HTTP/1.1", 400, NO_METHOD),
      LINE("G\xc3\x89T / HTTP/1.1", 400, NO_METHOD),
  };
  expect_rows(rows, N(rows));
}

static void versions_are_those_of_rfc_9112_2_3(void **state)
{
  (void)state;
  static const struct row rows[] = {
      LINE("GET / HTTP/1.0", 0, "GET 1.0 path=/ host=x close"),
      LINE("GET / HTTP/1.1", 0, GOOD),
      /* A later minor version is read as the last that is known (RFC 9110 2.5). */
      LINE("GET / HTTP/1.2", 0, GOOD),
      LINE("GET / HTTP/1.9", 0, GOOD),
      LINE("GET / HTTP/0.9", 505, OTHER_VERSION),
      LINE("GET / HTTP/0.0", 505, OTHER_VERSION),
      LINE("GET / HTTP/2.0", 505, OTHER_VERSION),
      LINE("GET / HTTP/3.0", 505, OTHER_VERSION),
      LINE("GET / HTTP/9.9", 505, OTHER_VERSION),
      LINE("GET / HTTP/2.1", 505, OTHER_VERSION),
      /* What a later version means by the rest is not known. */
      LINE("BREW pot HTTP/2.0", 505, OTHER_VERSION),
      LINE("GET / HTTP/2", 400, NO_VERSION),
      LINE("GET / HTTP/1", 400, NO_VERSION),
      LINE("GET / HTTP/1.", 400, NO_VERSION),
      LINE("GET / HTTP/.1", 400, NO_VERSION),
      LINE("GET / HTTP/1.10", 400, NO_VERSION),
      LINE("GET / HTTP/1.01", 400, NO_VERSION),
      LINE("GET / HTTP/01.1", 400, NO_VERSION),
      LINE("GET / HTTP/11.1", 400, NO_VERSION),
      LINE("GET / HTTP/1,1", 400, NO_VERSION),
      LINE("GET / HTTP/1.x", 400, NO_VERSION),
      LINE("GET / HTTP/x.1", 400, NO_VERSION),
      LINE("GET / HTTP/-1.1", 400, NO_VERSION),
      LINE("GET / HTTP/+1.1", 400, NO_VERSION),
      LINE("GET / HTTP 1.1", 400, NO_VERSION),
      LINE("GET / HTTP1.1", 400, NO_VERSION),
      LINE("GET / http/1.1", 400, NO_VERSION),
      LINE("GET / Http/1.1", 400, NO_VERSION),
      LINE("GET / HTTPS/1.1", 400, NO_VERSION),
      LINE("GET / HTTQ/1.1", 400, NO_VERSION),
      LINE("GET / /1.1", 400, NO_VERSION),
      LINE("GET / RTSP/1.0", 400, NO_VERSION),
      LINE("GET / \xef\xbb\xbfHTTP/1.1", 400, NO_VERSION),
  };
  expect_rows(rows, N(rows));
}

#define PATH(path)         "GET 1.1 path=" path " host=x keep"
#define QUERY(path, query) "GET 1.1 path=" path " query=" query " host=x keep"

static void targets_in_origin_form_are_those_of_rfc_9112_3_2_1(void **state)
{
  (void)state;
  static const struct row rows[] = {
      LINE("GET /a HTTP/1.1", 0, PATH("/a")),
      LINE("GET /a/b HTTP/1.1", 0, PATH("/a/b")),
      LINE("GET // HTTP/1.1", 0, PATH("//")),
      LINE("GET //a HTTP/1.1", 0, PATH("//a")),
      LINE("GET /. HTTP/1.1", 0, PATH("/.")),
      LINE("GET /../a HTTP/1.1", 0, PATH("/../a")),
      LINE("GET /* HTTP/1.1", 0, PATH("/*")),
      LINE("GET /a:b@c HTTP/1.1", 0, PATH("/a:b@c")),
      LINE("GET /http://a/ HTTP/1.1", 0, PATH("/http://a/")),
      LINE("GET /-._~!$&'()*+,;= HTTP/1.1", 0, PATH("/-._~!$&'()*+,;=")),
      /* Visible characters that a URI has only as escapes are sent by browsers all the same. */
      LINE("GET /{a}|[b]\\^`\"<c> HTTP/1.1", 0, PATH("/{a}|[b]\\^`\"<c>")),
      LINE("GET /a? HTTP/1.1", 0, QUERY("/a", "")),
      LINE("GET /? HTTP/1.1", 0, QUERY("/", "")),
      LINE("GET /a?b=c&d HTTP/1.1", 0, QUERY("/a", "b=c&d")),
      LINE("GET /a?b?c HTTP/1.1", 0, QUERY("/a", "b?c")),
      LINE("GET /a?/b/../c HTTP/1.1", 0, QUERY("/a", "/b/../c")),
      LINE("GET /?http://a/ HTTP/1.1", 0, QUERY("/", "http://a/")),
      LINE("GET /a?{[|]}\"<>\\^` HTTP/1.1", 0, QUERY("/a", "{[|]}\"<>\\^`")),
      LINE("GET /?a%zz%2%+% HTTP/1.1", 0, QUERY("/", "a%zz%2%+%")),
      /* Escapes (RFC 3986 2.1). */
      LINE("GET /%20 HTTP/1.1", 0, PATH("/%20")),
      LINE("GET /%2f%2F%aF%Fa HTTP/1.1", 0, PATH("/%2f%2F%aF%Fa")),
      LINE("GET /%00 HTTP/1.1", 0, PATH("/%00")),
      LINE("GET /%25%32%30 HTTP/1.1", 0, PATH("/%25%32%30")),
      LINE("GET /% HTTP/1.1", 400, BAD_ESCAPE),
      LINE("GET /%2 HTTP/1.1", 400, BAD_ESCAPE),
      LINE("GET /%2?a HTTP/1.1", 400, BAD_ESCAPE),
      LINE("GET /%?20 HTTP/1.1", 400, BAD_ESCAPE),
      LINE("GET /%zz HTTP/1.1", 400, BAD_ESCAPE),
      LINE("GET /%2z HTTP/1.1", 400, BAD_ESCAPE),
      LINE("GET /%z2 HTTP/1.1", 400, BAD_ESCAPE),
      LINE("GET /%%20 HTTP/1.1", 400, BAD_ESCAPE),
      LINE("GET /%u0041 HTTP/1.1", 400, BAD_ESCAPE),
      LINE("GET /a% HTTP/1.1", 400, BAD_ESCAPE),
      LINE("GET /%20%2 HTTP/1.1", 400, BAD_ESCAPE),
      /* A fragment stays with the client (RFC 9110 7.1). */
      LINE("GET /#a HTTP/1.1", 400, BAD_TARGET),
      LINE("GET /a#b?c HTTP/1.1", 400, BAD_TARGET),
      LINE("GET /?a#b HTTP/1.1", 400, BAD_TARGET),
      LINE("GET #a HTTP/1.1", 400, BAD_TARGET),
      /* Raw bytes are no URI. */
      LINE("GET /\xc3\xa9 HTTP/1.1", 400, BAD_TARGET),
      LINE("GET /?\xc3\xa9 HTTP/1.1", 400, BAD_TARGET),
      LINE("GET /\xff HTTP/1.1", 400, BAD_TARGET),
      LINE("GET /\x7f HTTP/1.1", 400, BAD_TARGET),
      LINE("GET /\x01 HTTP/1.1", 400, BAD_TARGET),
      LINE("GET /a\0b HTTP/1.1", 400, BAD_TARGET),
      LINE("GET a HTTP/1.1", 400, NO_TARGET),
      LINE("GET a/b HTTP/1.1", 400, NO_TARGET),
      LINE("GET ?a HTTP/1.1", 400, NO_TARGET),
      LINE("GET \\ HTTP/1.1", 400, NO_TARGET),
      LINE("GET %2f HTTP/1.1", 400, NO_TARGET),
      LINE("GET . HTTP/1.1", 400, NO_TARGET),
      LINE("GET x HTTP/1.1", 400, NO_TARGET),
      LINE("GET x:80 HTTP/1.1", 400, NO_TARGET),
      LINE("GET www.example.org HTTP/1.1", 400, NO_TARGET),
  };
  expect_rows(rows, N(rows));
}

static void targets_in_absolute_form_are_those_of_rfc_9112_3_2_2(void **state)
{
  (void)state;
#define ABSOLUTE(scheme, path, host) "GET 1.1 scheme=" scheme " path=" path " host=" host " keep"
  static const struct row rows[] = {
      /* The host is the target's, whatever Host says. */
      LINE("GET http://a/b HTTP/1.1", 0, ABSOLUTE("http", "/b", "a")),
      LINE("GET https://a/b HTTP/1.1", 0, ABSOLUTE("https", "/b", "a")),
      LINE("GET HTTP://A/b HTTP/1.1", 0, ABSOLUTE("HTTP", "/b", "A")),
      LINE("GET hTtPs://a/b HTTP/1.1", 0, ABSOLUTE("hTtPs", "/b", "a")),
      LINE("GET http://a HTTP/1.1", 0, ABSOLUTE("http", "/", "a")),
      LINE("GET http://a/ HTTP/1.1", 0, ABSOLUTE("http", "/", "a")),
      LINE("GET http://a:80/ HTTP/1.1", 0, ABSOLUTE("http", "/", "a:80")),
      LINE("GET http://a:/ HTTP/1.1", 0, ABSOLUTE("http", "/", "a:")),
      LINE("GET http://[::1]:80/ HTTP/1.1", 0, ABSOLUTE("http", "/", "[::1]:80")),
      LINE("GET http://a?b HTTP/1.1", 0, "GET 1.1 scheme=http path=/ query=b host=a keep"),
      LINE("GET http://a/b?c HTTP/1.1", 0, "GET 1.1 scheme=http path=/b query=c host=a keep"),
      LINE("GET http://a/http://b/ HTTP/1.1", 0, ABSOLUTE("http", "/http://b/", "a")),
      LINE("OPTIONS http://a HTTP/1.1", 0, "OPTIONS 1.1 scheme=http path=/ host=a keep"),
      LINE("GET http://a/%2 HTTP/1.1", 400, BAD_ESCAPE),
      LINE("GET http:// HTTP/1.1", 400, BAD_AUTHORITY),
      LINE("GET http:/// HTTP/1.1", 400, BAD_AUTHORITY),
      LINE("GET http:///a HTTP/1.1", 400, BAD_AUTHORITY),
      LINE("GET http://?a HTTP/1.1", 400, BAD_AUTHORITY),
      LINE("GET http://:80/ HTTP/1.1", 400, BAD_AUTHORITY),
      LINE("GET http://a:b/ HTTP/1.1", 400, BAD_AUTHORITY),
      LINE("GET http://a:80:80/ HTTP/1.1", 400, BAD_AUTHORITY),
      LINE("GET http://user@a/ HTTP/1.1", 400, BAD_AUTHORITY), /* RFC 9110 4.2.4 */
      LINE("GET http://user:word@a/ HTTP/1.1", 400, BAD_AUTHORITY),
      LINE("GET http://@a/ HTTP/1.1", 400, BAD_AUTHORITY),
      LINE("GET http://a\\b/ HTTP/1.1", 400, BAD_AUTHORITY),
      LINE("GET http://[::1/ HTTP/1.1", 400, BAD_AUTHORITY),
      LINE("GET http://a/#b HTTP/1.1", 400, BAD_TARGET),
      LINE("GET http://a/\xc3\xa9 HTTP/1.1", 400, BAD_TARGET),
      LINE("GET http:/a HTTP/1.1", 400, NO_TARGET),
      LINE("GET http:a HTTP/1.1", 400, NO_TARGET),
      LINE("GET ://a HTTP/1.1", 400, OTHER_SCHEME),
      LINE("GET ws://a/ HTTP/1.1", 400, OTHER_SCHEME),
      LINE("GET wss://a/ HTTP/1.1", 400, OTHER_SCHEME),
      LINE("GET ftp://a/ HTTP/1.1", 400, OTHER_SCHEME),
      LINE("GET file:///etc/passwd HTTP/1.1", 400, OTHER_SCHEME),
      LINE("GET httpx://a/ HTTP/1.1", 400, OTHER_SCHEME),
      LINE("GET http%3a://a/ HTTP/1.1", 400, OTHER_SCHEME),
      LINE("GET a?b://c HTTP/1.1", 400, OTHER_SCHEME),
      /* Host has to be there and well-formed all the same. */
      ROW("GET http://a/ HTTP/1.1\r\n\r\n", 400, NO_HOST),
      ROW("GET http://a/ HTTP/1.1\r\nHost:\r\n\r\n", 400, BAD_HOST),
      ROW("GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, TWO_HOSTS),
      ROW("GET http://a/ HTTP/1.0\r\n\r\n", 0, "GET 1.0 scheme=http path=/ host=a close"),
  };
  expect_rows(rows, N(rows));
#undef ABSOLUTE
}

static void other_targets_are_those_of_rfc_9112_3_2_3_and_4(void **state)
{
  (void)state;
#define CONNECTED "CONNECT 1.1 host=x keep"
  static const struct row rows[] = {
      LINE("CONNECT a:80 HTTP/1.1", 0, CONNECTED),
      LINE("CONNECT 127.0.0.1:65535 HTTP/1.1", 0, CONNECTED),
      LINE("CONNECT [::1]:443 HTTP/1.1", 0, CONNECTED),
      LINE("CONNECT a HTTP/1.1", 400, BAD_CONNECT),
      LINE("CONNECT a: HTTP/1.1", 400, BAD_CONNECT),
      LINE("CONNECT :80 HTTP/1.1", 400, BAD_CONNECT),
      LINE("CONNECT [::1] HTTP/1.1", 400, BAD_CONNECT),
      LINE("CONNECT [::1]: HTTP/1.1", 400, BAD_CONNECT),
      LINE("CONNECT a:b HTTP/1.1", 400, BAD_CONNECT),
      LINE("CONNECT / HTTP/1.1", 400, BAD_CONNECT),
      LINE("CONNECT * HTTP/1.1", 400, BAD_CONNECT),
      LINE("CONNECT a:80/ HTTP/1.1", 400, BAD_CONNECT),
      LINE("CONNECT http://a:80/ HTTP/1.1", 400, BAD_CONNECT),
      LINE("CONNECT user@a:80 HTTP/1.1", 400, BAD_CONNECT),
      LINE("CONNECT a:80#b HTTP/1.1", 400, BAD_TARGET),
      LINE("OPTIONS * HTTP/1.1", 0, "OPTIONS 1.1 asterisk host=x keep"),
      LINE("OPTIONS * HTTP/1.0", 0, "OPTIONS 1.0 asterisk host=x close"),
      LINE("OPTIONS ** HTTP/1.1", 400, NO_TARGET),
      LINE("OPTIONS *?a HTTP/1.1", 400, NO_TARGET),
      LINE("OPTIONS a:80 HTTP/1.1", 400, NO_TARGET),
      LINE("GET * HTTP/1.1", 400, NO_TARGET),
      LINE("HEAD * HTTP/1.1", 400, NO_TARGET),
      LINE("GET a:80 HTTP/1.1", 400, NO_TARGET),
  };
  expect_rows(rows, N(rows));
#undef CONNECTED
}

static void hosts_are_those_of_rfc_9112_3_2_and_rfc_9110_7_2(void **state)
{
  (void)state;
#define AT(host) "GET 1.1 path=/ host=" host " keep"
  static const struct row rows[] = {
      HOST(" a.example", 0, AT("a.example")),
      HOST("a", 0, AT("a")),
      HOST("\t a \t", 0, AT("a")),
      HOST(" A.Example", 0, AT("A.Example")),
      HOST(" a.", 0, AT("a.")),
      HOST(" localhost:8080", 0, AT("localhost:8080")),
      HOST(" a:", 0, AT("a:")),
      HOST(" a:0", 0, AT("a:0")),
      HOST(" a:65535", 0, AT("a:65535")),
      HOST(" 127.0.0.1", 0, AT("127.0.0.1")),
      HOST(" 127.0.0.1:80", 0, AT("127.0.0.1:80")),
      HOST(" [::]", 0, AT("[::]")),
      HOST(" [::1]", 0, AT("[::1]")),
      HOST(" [::1]:8080", 0, AT("[::1]:8080")),
      HOST(" [::1]:", 0, AT("[::1]:")),
      HOST(" [2001:DB8::a]:1", 0, AT("[2001:DB8::a]:1")),
      HOST(" [1:2:3:4:5:6:7:8]", 0, AT("[1:2:3:4:5:6:7:8]")),
      HOST(" [::ffff:10.0.0.1]", 0, AT("[::ffff:10.0.0.1]")),
      HOST(" [ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]", 0,
           AT("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]")),
      HOST(" a-b_c~d.e", 0, AT("a-b_c~d.e")),
      HOST(" a!$&'()*+,;=b", 0, AT("a!$&'()*+,;=b")),
      HOST(" %41%c3%A9", 0, AT("%41%c3%A9")),
      ROW("GET / HTTP/1.1\r\nhOsT: a\r\n\r\n", 0, AT("a")),
      ROW("GET / HTTP/1.1\r\nA: b\r\nHost: a\r\nC: d\r\n\r\n", 0, AT("a")),
      ROW("GET / HTTP/1.0\r\n\r\n", 0, "GET 1.0 path=/ close"),
      ROW("GET / HTTP/1.1\r\n\r\n", 400, NO_HOST),
      ROW("GET / HTTP/1.1\r\nHosts: a\r\n\r\n", 400, NO_HOST),
      ROW("GET / HTTP/1.1\r\nX-Host: a\r\n\r\n", 400, NO_HOST),
      ROW("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, TWO_HOSTS),
      ROW("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, TWO_HOSTS),
      ROW("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nHOST: b\r\n\r\n", 400, TWO_HOSTS),
      ROW("GET / HTTP/1.1\r\nHost: a\r\nHost:\r\n\r\n", 400, TWO_HOSTS),
      ROW("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400, TWO_HOSTS),
      ROW("GET / HTTP/1.0\r\nHost: a b\r\n\r\n", 400, BAD_HOST),
      HOST("", 400, BAD_HOST),
      HOST(" ", 400, BAD_HOST),
      HOST(" a b", 400, BAD_HOST),
      HOST(" a, b", 400, BAD_HOST),
      HOST(" a:80, b:80", 400, BAD_HOST),
      HOST(" :80", 400, BAD_HOST),
      HOST(" :", 400, BAD_HOST),
      HOST(" a:x", 400, BAD_HOST),
      HOST(" a:8o", 400, BAD_HOST),
      HOST(" a:-1", 400, BAD_HOST),
      HOST(" a:+1", 400, BAD_HOST),
      HOST(" a: 80", 400, BAD_HOST),
      HOST(" a:123456", 400, BAD_HOST),
      HOST(" a:80:80", 400, BAD_HOST),
      HOST(" ::1", 400, BAD_HOST),
      HOST(" fe80::1", 400, BAD_HOST),
      HOST(" user@a", 400, BAD_HOST),
      HOST(" user:word@a", 400, BAD_HOST),
      HOST(" @a", 400, BAD_HOST),
      HOST(" http://a", 400, BAD_HOST),
      HOST(" a/", 400, BAD_HOST),
      HOST(" a/b", 400, BAD_HOST),
      HOST(" a?b", 400, BAD_HOST),
      HOST(" a#b", 400, BAD_HOST),
      HOST(" a\\b", 400, BAD_HOST),
      HOST(" a\"b\"", 400, BAD_HOST),
      HOST(" <a>", 400, BAD_HOST),
      HOST(" a|b", 400, BAD_HOST),
      HOST(" caf\xc3\xa9", 400, BAD_HOST),
      HOST(" %", 400, BAD_HOST),
      HOST(" %4", 400, BAD_HOST),
      HOST(" %4g", 400, BAD_HOST),
      HOST(" a%", 400, BAD_HOST),
      HOST(" a%4:1", 400, BAD_HOST),
      HOST(" []", 400, BAD_HOST),
      HOST(" [", 400, BAD_HOST),
      HOST(" ]", 400, BAD_HOST),
      HOST(" [::1", 400, BAD_HOST),
      HOST(" ::1]", 400, BAD_HOST),
      HOST(" [[::1]]", 400, BAD_HOST),
      HOST(" [::1]]", 400, BAD_HOST),
      HOST(" [::1]a", 400, BAD_HOST),
      HOST(" [::1].a", 400, BAD_HOST),
      HOST(" [::1]80", 400, BAD_HOST),
      HOST(" [::1]:x", 400, BAD_HOST),
      HOST(" [::1]:123456", 400, BAD_HOST),
      HOST(" a[::1]", 400, BAD_HOST),
      HOST(" [a]", 400, BAD_HOST),
      HOST(" [:]", 400, BAD_HOST),
      HOST(" [:::]", 400, BAD_HOST),
      HOST(" [1::2::3]", 400, BAD_HOST),
      HOST(" [1:2:3:4:5:6:7]", 400, BAD_HOST),
      HOST(" [1:2:3:4:5:6:7:8:9]", 400, BAD_HOST),
      HOST(" [12345::]", 400, BAD_HOST),
      HOST(" [g::]", 400, BAD_HOST),
      HOST(" [127.0.0.1]", 400, BAD_HOST),
      HOST(" [::1%25lo]", 400, BAD_HOST),
      HOST(" [fe80::1%eth0]", 400, BAD_HOST),
      HOST(" [v1.a]", 400, BAD_HOST),
      HOST(" [::1 ]", 400, BAD_HOST),
      HOST(" [0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]", 400, BAD_HOST),
  };
  expect_rows(rows, N(rows));
#undef AT
}

static void fields_are_those_of_rfc_9112_5(void **state)
{
  (void)state;
  static const struct row rows[] = {
      WITH("A:\r\n", 0, GOOD),
      WITH("A: \t \r\n", 0, GOOD),
      WITH("A:b\r\n", 0, GOOD),
      WITH("A: b: c\r\n", 0, GOOD),
      WITH("A::\r\n", 0, GOOD),
      WITH("A: \"b\r\n", 0, GOOD),
      WITH("A: caf\xc3\xa9\r\n", 0, GOOD),
      WITH("A: \xff\xfe\r\n", 0, GOOD),
      WITH("A: b\tc d\r\n", 0, GOOD),
      WITH("!#$%&'*+-.^_`|~09azAZ: b\r\n", 0, GOOD),
      WITH("A: b\r\nA: c\r\na: d\r\n", 0, GOOD),
      /* 5.1: no blank before the colon. */
      WITH("A : b\r\n", 400, BLANK_IN_NAME),
      WITH("A\t: b\r\n", 400, BLANK_IN_NAME),
      WITH("A b: c\r\n", 400, BLANK_IN_NAME),
      WITH("A b\r\n", 400, BLANK_IN_NAME),
      WITH("Transfer-Encoding : chunked\r\n", 400, BLANK_IN_NAME),
      WITH("Content-Length : 1\r\n", 400, BLANK_IN_NAME),
      ROW("GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400, BLANK_IN_NAME),
      WITH("A\r\n", 400, NO_FIELD),
      WITH("A=b\r\n", 400, NO_FIELD),
      WITH("A\"b: c\r\n", 400, NO_FIELD),
      WITH("(A): b\r\n", 400, NO_FIELD),
      WITH("A/B: b\r\n", 400, NO_FIELD),
      WITH("A\0: b\r\n", 400, NO_FIELD),
      WITH("A\x7f: b\r\n", 400, NO_FIELD),
      WITH("caf\xc3\xa9: b\r\n", 400, NO_FIELD),
      WITH("\xef\xbb\xbf"
           "A: b\r\n",
           400, NO_FIELD),
      WITH(": b\r\n", 400, NO_NAME),
      WITH(":\r\n", 400, NO_NAME),
      /* 5.2: no line goes on in the next. */
      WITH("A: b\r\n c\r\n", 400, FOLDED),
      WITH("A: b\r\n\tc\r\n", 400, FOLDED),
      WITH("A: b\r\n \r\n", 400, FOLDED),
      WITH("A:\r\n b\r\n", 400, FOLDED),
      WITH("A: b\r\n C: d\r\n", 400, FOLDED),
      WITH("Transfer-Encoding:\r\n chunked\r\n", 400, FOLDED),
      WITH("Content-Length: 1\r\n 0\r\n", 400, FOLDED),
      /* RFC 9110 5.5: no control characters. */
      WITH("A: b\0c\r\n", 400, BAD_VALUE),
      WITH("A: \0\r\n", 400, BAD_VALUE),
      WITH("A: b\x01\r\n", 400, BAD_VALUE),
      WITH("A: b\vc\r\n", 400, BAD_VALUE),
      WITH("A: b\fc\r\n", 400, BAD_VALUE),
      WITH("A: \x1b[0m\r\n", 400, BAD_VALUE),
      WITH("A: \x7f\r\n", 400, BAD_VALUE),
      WITH("Content-Length: \v1\r\n", 400, BAD_VALUE),
      WITH("Transfer-Encoding: \vchunked\r\n", 400, BAD_VALUE),
  };
  expect_rows(rows, N(rows));
}

static void bodies_are_framed_as_in_rfc_9112_6(void **state)
{
  (void)state;
#define SIZED(n) "GET 1.1 path=/ host=x sized=" n " keep"
#define CHUNKED  "GET 1.1 path=/ host=x chunked keep"
  static const struct row rows[] = {
      /* 6.2, RFC 9110 8.6: Content-Length. */
      WITH("Content-Length: 0\r\n", 0, SIZED("0")),
      WITH("Content-Length:5\r\n", 0, SIZED("5")),
      WITH("content-length:\t 5 \t\r\n", 0, SIZED("5")),
      WITH("Content-Length: 007\r\n", 0, SIZED("7")),
      WITH("Content-Length: 0000000000000000000000000000005\r\n", 0, SIZED("5")),
      WITH("Content-Length: 4294967296\r\n", 0, SIZED("4294967296")),
      WITH("Content-Length: 18446744073709551615\r\n", 0, SIZED("18446744073709551615")),
      WITH("Content-Length: 18446744073709551616\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 18446744073709551626\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 28446744073709551615\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 99999999999999999999\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 184467440737095516150\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 000184467440737095516160\r\n", 400, BAD_LENGTH),
      WITH("Content-Length:\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: \r\n", 400, BAD_LENGTH),
      WITH("Content-Length: +5\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: -5\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: -0\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 5 5\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 5, 5\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 5,5\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 5, 6\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 5,\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: ,5\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 5;\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 5.0\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 5e1\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 0x5\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 5a\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: a\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 1_0\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: \"5\"\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: \xd9\xa5\r\n", 400, BAD_LENGTH),
      WITH("Content-Length: 5\r\nContent-Length: 5\r\n", 400, TWO_LENGTHS),
      WITH("Content-Length: 5\r\nContent-Length: 6\r\n", 400, TWO_LENGTHS),
      WITH("Content-Length: 5\r\nA: b\r\ncontent-LENGTH: 5\r\n", 400, TWO_LENGTHS),
      WITH("Content-Length: 5\r\nContent-Length:\r\n", 400, TWO_LENGTHS),
      WITH_1_0("Content-Length: 5\r\n", 0, "GET 1.0 path=/ host=x sized=5 close"),
      WITH_1_0("Content-Length: x\r\n", 400, BAD_LENGTH),
      /* 6.1: Transfer-Encoding. */
      WITH("Transfer-Encoding: chunked\r\n", 0, CHUNKED),
      WITH("transfer-encoding:CHUNKED\r\n", 0, CHUNKED),
      WITH("Transfer-Encoding: Chunked \r\n", 0, CHUNKED),
      WITH("Transfer-Encoding: , chunked,,\r\n", 0, CHUNKED),
      WITH("Transfer-Encoding: ,\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding:\r\n", 0,
           CHUNKED),
      WITH("Transfer-Encoding: gzip, chunked\r\n", 501, OTHER_CODING),
      WITH("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", 501, OTHER_CODING),
      WITH("Transfer-Encoding: identity, chunked\r\n", 501, OTHER_CODING),
      WITH("Transfer-Encoding: a;b=\"c, chunked\r\n", 501, OTHER_CODING),
      /* 6.3: without chunked at its end nobody knows where the body ends. */
      WITH("Transfer-Encoding: gzip\r\n", 400, NOT_CHUNKED),
      WITH("Transfer-Encoding: identity\r\n", 400, NOT_CHUNKED),
      WITH("Transfer-Encoding: gzip, deflate\r\n", 400, NOT_CHUNKED),
      WITH("Transfer-Encoding: xchunked\r\n", 400, NOT_CHUNKED),
      WITH("Transfer-Encoding: chunkedx\r\n", 400, NOT_CHUNKED),
      WITH("Transfer-Encoding: \"chunked\"\r\n", 400, NOT_CHUNKED),
      WITH("Transfer-Encoding: chunked;a=b\r\n", 400, NOT_CHUNKED), /* 7.1: has no parameters */
      WITH("Transfer-Encoding: chunked ;\r\n", 400, NOT_CHUNKED),
      WITH("Transfer-Encoding: chunked chunked\r\n", 400, NOT_CHUNKED),
      WITH("Transfer-Encoding: \xc3\xa7hunked\r\n", 400, NOT_CHUNKED),
      WITH("Transfer-Encoding: chunked, gzip\r\n", 400, AFTER_CHUNKED),
      WITH("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n", 400, AFTER_CHUNKED),
      WITH("Transfer-Encoding: chunked, identity\r\n", 400, AFTER_CHUNKED),
      WITH("Transfer-Encoding: chunked, chunked\r\n", 400, AFTER_CHUNKED),
      WITH("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400, AFTER_CHUNKED),
      WITH("Transfer-Encoding:\r\n", 400, EMPTY_CODING),
      WITH("Transfer-Encoding: , ,\r\n", 400, EMPTY_CODING),
      WITH_1_0("Transfer-Encoding: chunked\r\n", 400, OLD_CODING),
      WITH_1_0("Transfer-Encoding:\r\n", 400, OLD_CODING),
      WITH("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400, TWO_FRAMINGS),
      WITH("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400, TWO_FRAMINGS),
      WITH("Content-Length: 0\r\ntransfer-encoding: identity\r\n", 400, TWO_FRAMINGS),
      WITH("Content-Length:\r\nTransfer-Encoding:\r\n", 400, TWO_FRAMINGS),
      WITH_1_0("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400, TWO_FRAMINGS),
      /* Names that only resemble these. */
      WITH("Transfer_Encoding: gzip\r\nContent_Length: x\r\nTransfer-Encodings: x\r\n", 0, GOOD),
      WITH("X-Content-Length: 5\r\n", 0, GOOD),
      LINE("POST / HTTP/1.1\r\nContent-Length: 3", 0, "POST 1.1 path=/ host=x sized=3 keep"),
  };
  expect_rows(rows, N(rows));
#undef SIZED
#undef CHUNKED
}

static void expectations_are_those_of_rfc_9110_10_1_1(void **state)
{
  (void)state;
  static const struct row rows[] = {
      WITH("Expect: 100-continue\r\n", 0, GOOD " continue"),
      WITH("expect:100-Continue\r\n", 0, GOOD " continue"),
      WITH("Expect: 100-continue\r\nExpect: 100-continue\r\n", 0, GOOD " continue"),
      WITH("Expect: , 100-continue,\r\n", 0, GOOD " continue"),
      WITH("Expect:\r\n", 0, GOOD),
      WITH("Expect: 200-ok\r\n", 417, OTHER_EXPECT),
      WITH("Expect: 100-continued\r\n", 417, OTHER_EXPECT),
      WITH("Expect: 100-continue;a=b\r\n", 417, OTHER_EXPECT),
      WITH("Expect: 100-continue, x\r\n", 417, OTHER_EXPECT),
      WITH("Expect: 100-continue\r\nExpect: x\r\n", 417, OTHER_EXPECT),
      WITH_1_0("Expect: 100-continue\r\n", 0, "GET 1.0 path=/ host=x close"),
  };
  expect_rows(rows, N(rows));
}

static void connections_last_as_in_rfc_9112_9_3(void **state)
{
  (void)state;
#define CLOSING  "GET 1.1 path=/ host=x close"
#define OLD      "GET 1.0 path=/ host=x close"
#define OLD_KEPT "GET 1.0 path=/ host=x keep"
  static const struct row rows[] = {
      WITH("Connection: close\r\n", 0, CLOSING),
      WITH("connection:CLOSE\r\n", 0, CLOSING),
      WITH("Connection: keep-alive, close\r\n", 0, CLOSING),
      WITH("Connection: close, keep-alive\r\n", 0, CLOSING),
      WITH("Connection: keep-alive\r\nConnection: close\r\n", 0, CLOSING),
      WITH("Connection: close\r\nConnection: keep-alive\r\n", 0, CLOSING),
      WITH("Connection: ,, \t,close ,\r\n", 0, CLOSING),
      WITH("Connection: a\r\nX: y\r\nConnection: ,\r\nCONNECTION: b,,close\r\n", 0, CLOSING),
      WITH("Connection: keep-alive\r\n", 0, GOOD),
      WITH("Connection:\r\n", 0, GOOD),
      WITH("Connection: ,\r\n", 0, GOOD),
      WITH("Connection: closed\r\n", 0, GOOD),
      WITH("Connection: xclose\r\n", 0, GOOD),
      WITH("Connection: close close\r\n", 0, GOOD),
      WITH("Connection: \"close\"\r\n", 0, GOOD),
      WITH("Connection: close;a\r\n", 0, GOOD),
      WITH("Proxy-Connection: close\r\n", 0, GOOD),
      WITH("Connection: Upgrade\r\n", 0, GOOD " upgrade"),
      WITH("Connection: keep-alive, Upgrade\r\n", 0, GOOD " upgrade"),
      WITH("Connection: a, ,uPGRADE\r\n", 0, GOOD " upgrade"),
      WITH("Connection: keep-alive\r\nConnection:\r\nConnection: upgrade\r\n", 0, GOOD " upgrade"),
      WITH("Connection: close, upgrade\r\n", 0, CLOSING " upgrade"),
      WITH("Connection: upgrades\r\n", 0, GOOD),
      WITH("Upgrade: websocket\r\n", 0, GOOD),
      WITH_1_0("", 0, OLD),
      WITH_1_0("Connection: close\r\n", 0, OLD),
      WITH_1_0("Connection: keep-alive\r\n", 0, OLD_KEPT),
      WITH_1_0("Connection: Keep-Alive\r\n", 0, OLD_KEPT),
      WITH_1_0("Connection: a\r\nConnection: ,keep-alive\r\n", 0, OLD_KEPT),
      WITH_1_0("Connection: keep-alive, close\r\n", 0, OLD),
      WITH_1_0("Connection: upgrade\r\n", 0, OLD " upgrade"),
      WITH_1_0("Proxy-Connection: keep-alive\r\n", 0, OLD),
  };
  expect_rows(rows, N(rows));
#undef CLOSING
#undef OLD
#undef OLD_KEPT
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lines_end_as_rfc_9112_2_2_has_it),
      cmocka_unit_test(request_lines_are_those_of_rfc_9112_3),
      cmocka_unit_test(methods_are_those_of_rfc_9110_9),
      cmocka_unit_test(versions_are_those_of_rfc_9112_2_3),
      cmocka_unit_test(targets_in_origin_form_are_those_of_rfc_9112_3_2_1),
      cmocka_unit_test(targets_in_absolute_form_are_those_of_rfc_9112_3_2_2),
      cmocka_unit_test(other_targets_are_those_of_rfc_9112_3_2_3_and_4),
      cmocka_unit_test(hosts_are_those_of_rfc_9112_3_2_and_rfc_9110_7_2),
      cmocka_unit_test(fields_are_those_of_rfc_9112_5),
      cmocka_unit_test(bodies_are_framed_as_in_rfc_9112_6),
      cmocka_unit_test(expectations_are_those_of_rfc_9110_10_1_1),
      cmocka_unit_test(connections_last_as_in_rfc_9112_9_3),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
