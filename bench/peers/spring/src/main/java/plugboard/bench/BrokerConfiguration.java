package plugboard.bench;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.context.annotation.Configuration;
import org.springframework.messaging.simp.config.ChannelRegistration;
import org.springframework.messaging.simp.config.MessageBrokerRegistry;
import org.springframework.web.socket.config.annotation.EnableWebSocketMessageBroker;
import org.springframework.web.socket.config.annotation.StompEndpointRegistry;
import org.springframework.web.socket.config.annotation.WebSocketMessageBrokerConfigurer;
import org.springframework.web.socket.config.annotation.WebSocketTransportRegistration;

/**
 * The defaults of Spring, or with peer.tuned=true what its reference manual says on performance: as many threads as there
 * are cores (work here never blocks), messages in the order in which they came, and room for clients in a burst.
 */
@Configuration
@EnableWebSocketMessageBroker
public class BrokerConfiguration implements WebSocketMessageBrokerConfigurer {
    private final boolean tuned;
    private final Receipts receipts;

    BrokerConfiguration(@Value("${peer.tuned:false}") boolean tuned, Receipts receipts) {
        this.tuned = tuned;
        this.receipts = receipts;
    }

    @Override
    public void registerStompEndpoints(StompEndpointRegistry registry) {
        registry.addEndpoint("/ws").setAllowedOriginPatterns("*");
        if (tuned) {
            registry.setPreserveReceiveOrder(true);
        }
    }

    @Override
    public void configureMessageBroker(MessageBrokerRegistry registry) {
        registry.enableSimpleBroker("/topic");
        registry.setApplicationDestinationPrefixes("/pub");
        registry.setPreservePublishOrder(tuned);
    }

    @Override
    public void configureClientInboundChannel(ChannelRegistration registration) {
        registration.interceptors(receipts);
        oneThreadPerCore(registration);
    }

    @Override
    public void configureClientOutboundChannel(ChannelRegistration registration) {
        oneThreadPerCore(registration);
    }

    private void oneThreadPerCore(ChannelRegistration registration) {
        if (tuned) {
            int cores = Runtime.getRuntime().availableProcessors();
            registration.taskExecutor().corePoolSize(cores).maxPoolSize(cores);
        }
    }

    @Override
    public void configureWebSocketTransport(WebSocketTransportRegistration registration) {
        if (tuned) {
            registration.setSendBufferSizeLimit(64 << 20).setSendTimeLimit(60_000);
        }
    }
}
