import java.util.*;
import java.util.concurrent.*;
import java.nio.charset.StandardCharsets;
import org.springframework.messaging.*;
import org.springframework.messaging.support.*;
import org.springframework.messaging.simp.*;
import org.springframework.messaging.simp.stomp.*;
import org.springframework.messaging.simp.user.*;

public class Relay {
  /** A frame as the WebSocket side of a node hands it to the relay. */
  static Message<byte[]> frame(StompCommand command, String session, Map<String, String> headers, String body) {
    StompHeaderAccessor h = StompHeaderAccessor.create(command);
    h.setSessionId(session);
    headers.forEach(h::setNativeHeader);
    if (headers.containsKey("destination")) h.setDestination(headers.get("destination"));
    if (headers.containsKey("id")) h.setSubscriptionId(headers.get("id"));
    h.setSessionAttributes(new ConcurrentHashMap<>());
    h.setLeaveMutable(true);
    return MessageBuilder.createMessage(body.getBytes(StandardCharsets.UTF_8), h.getMessageHeaders());
  }

  public static void main(String[] a) throws Exception {
    int port = Integer.parseInt(a[0]);
    ExecutorSubscribableChannel in = new ExecutorSubscribableChannel(), out = new ExecutorSubscribableChannel(),
        broker = new ExecutorSubscribableChannel();
    StompBrokerRelayMessageHandler relay =
        new StompBrokerRelayMessageHandler(in, out, broker, List.of("/topic", "/queue"));
    relay.setRelayHost("127.0.0.1");
    relay.setRelayPort(port);
    relay.setSystemLogin("relay");
    relay.setSystemPasscode("relay-secret");
    relay.setClientLogin("browsers");
    relay.setClientPasscode("browsers-secret");
    CountDownLatch heard = new CountDownLatch(2);
    out.subscribe(m -> System.out.println("OUT " + StompHeaderAccessor.wrap(m).getShortLogMessage(m.getPayload())));
    relay.setSystemSubscriptions(Map.of("/topic/simp-user-registry", m -> {
      System.out.println("SYSTEM " + StompHeaderAccessor.wrap(m).getShortLogMessage(m.getPayload()));
      heard.countDown();
    }));
    relay.setApplicationEventPublisher(e -> System.out.println("EVENT " + e));
    relay.start();
    for (int i = 0; i < 100 && !relay.isBrokerAvailable(); i++) Thread.sleep(100);
    Thread.sleep(500);
    SimpMessagingTemplate template = new SimpMessagingTemplate(broker);
    template.convertAndSend("/topic/news", "hello".getBytes());
    template.convertAndSend("/topic/news", "{\"n\":1}".getBytes(StandardCharsets.UTF_8),
        Map.of("content-type", "application/json"));
    /* The registry of 400 users, as MultiServerUserRegistry makes it, in size. */
    StringBuilder big = new StringBuilder("{\"id\":\"f5e2c7d3-3c0c-4d0e-9f2b-0d7c52b7a2aa\",\"users\":[");
    for (int i = 0; i < Integer.parseInt(a[1]); i++)
      big.append(i == 0 ? "" : ",").append("{\"name\":\"user-" + i + "\",\"sessions\":[{\"id\":\"session-" + i
          + "\",\"subscriptions\":[{\"id\":\"sub-0\",\"destination\":\"/topic/rooms/1\"},{\"id\":\"sub-1\",\"destination\":\"/topic/rooms/2\"},{\"id\":\"sub-2\",\"destination\":\"/user/queue/direct\"}]}]}");
    big.append("]}");
    template.convertAndSend("/topic/simp-user-registry", big.toString().getBytes(StandardCharsets.UTF_8),
        Map.of("content-type", "application/json;charset=UTF-8"));
    in.send(frame(StompCommand.CONNECT, "abc", Map.of("accept-version", "1.1,1.2", "heart-beat", "10000,10000", "login", "x"), ""));
    Thread.sleep(700);
    in.send(frame(StompCommand.SUBSCRIBE, "abc", Map.of("id", "sub-0", "destination", "/topic/news"), ""));
    Thread.sleep(300);
    in.send(frame(StompCommand.SUBSCRIBE, "abc", Map.of("id", "sub-1", "destination", "/queue/direct-userabc"), ""));
    Thread.sleep(300);
    in.send(frame(StompCommand.SEND, "abc", Map.of("destination", "/topic/news", "content-type", "text/plain"), "from a browser"));
    template.convertAndSend("/queue/direct-userabc", "for you".getBytes(), Map.of("simpOrigDestination", "/user/queue/direct"));
    Thread.sleep(1000);
    in.send(frame(StompCommand.DISCONNECT, "abc", Map.of("receipt", "bye"), ""));
    Thread.sleep(1000);
    relay.stop();
    System.out.println("DONE");
    System.exit(0);
  }
}
