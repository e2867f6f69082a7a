#include "sockjs/sockjs_page.h"

void sockjs_put_info(struct buf *out, bool websocket, bool cookie, uint32_t entropy)
{
  buf_putf(out, "{\"entropy\":%u,\"origins\":[\"*:*\"],\"cookie_needed\":%s,\"websocket\":%s}",
           entropy, cookie ? "true" : "false", websocket ? "true" : "false");
}

void sockjs_put_iframe(struct buf *out, const char *library)
{
  buf_putf(out,
           "<!DOCTYPE html>\n"
           "<html>\n"
           "<head>\n"
           "  <meta http-equiv=\"X-UA-Compatible\" content=\"IE=edge\" />\n"
           "  <meta http-equiv=\"Content-Type\" content=\"text/html; charset=UTF-8\" />\n"
           "  <script>\n"
           "    document.domain = document.domain;\n"
           "    _sockjs_onload = function(){SockJS.bootstrap_iframe();};\n"
           "  </script>\n"
           "  <script src=\"%s\"></script>\n"
           "</head>\n"
           "<body>\n"
           "  <h2>Don't panic!</h2>\n"
           "  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>\n"
           "</body>\n"
           "</html>\n",
           library);
}
