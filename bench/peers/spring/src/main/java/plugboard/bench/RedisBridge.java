package plugboard.bench;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.Executors;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.data.redis.connection.RedisConnectionFactory;
import org.springframework.data.redis.core.StringRedisTemplate;
import org.springframework.data.redis.listener.ChannelTopic;
import org.springframework.data.redis.listener.RedisMessageListenerContainer;
import org.springframework.messaging.handler.annotation.DestinationVariable;
import org.springframework.messaging.handler.annotation.MessageMapping;
import org.springframework.messaging.simp.SimpMessagingTemplate;
import org.springframework.stereotype.Controller;

/**
 * Several nodes, as Spring applications with the SimpleBroker do it: what a client SENDs to /pub/topic/NAME is published as
 * {"destination","content"} to one channel of Redis, which every node subscribes to and hands to its own broker.
 */
@Configuration
@ConditionalOnProperty("peer.redis")
public class RedisBridge {
    static final String CHANNEL = "websocket-events";

    @Controller
    @ConditionalOnProperty("peer.redis")
    static class RedisPublisher {
        private final StringRedisTemplate redis;
        private final Json json;

        RedisPublisher(StringRedisTemplate redis, Json json) {
            this.redis = redis;
            this.json = json;
        }

        @MessageMapping("/topic/{name}")
        void publish(@DestinationVariable String name, String text) {
            redis.convertAndSend(CHANNEL, json.write(new Json.Envelope("/topic/" + name, text)));
        }
    }

    @Bean
    RedisMessageListenerContainer redisSubscriber(RedisConnectionFactory factory, SimpMessagingTemplate template, Json json,
            @Value("${peer.tuned:false}") boolean tuned) {
        RedisMessageListenerContainer container = new RedisMessageListenerContainer();
        container.setConnectionFactory(factory);
        if (tuned) { // else Spring's default, a new thread for each message
            container.setTaskExecutor(Executors.newSingleThreadExecutor());
        }
        container.addMessageListener((message, pattern) -> {
            Json.Envelope envelope = json.read(new String(message.getBody(), StandardCharsets.UTF_8));
            template.convertAndSend(envelope.destination(), envelope.content());
        }, new ChannelTopic(CHANNEL));
        return container;
    }
}
