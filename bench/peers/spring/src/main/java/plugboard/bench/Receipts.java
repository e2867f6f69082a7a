package plugboard.bench;

import org.springframework.context.annotation.Lazy;
import org.springframework.messaging.Message;
import org.springframework.messaging.MessageChannel;
import org.springframework.messaging.MessageHandler;
import org.springframework.messaging.simp.broker.SimpleBrokerMessageHandler;
import org.springframework.messaging.simp.stomp.StompCommand;
import org.springframework.messaging.simp.stomp.StompHeaderAccessor;
import org.springframework.messaging.support.ExecutorChannelInterceptor;
import org.springframework.messaging.support.MessageBuilder;
import org.springframework.messaging.support.MessageHeaderAccessor;
import org.springframework.stereotype.Component;

/**
 * The SimpleBroker answers "receipt" on DISCONNECT only. The load generator has to know when a subscription counts and when
 * a burst that nobody hears has been taken, so this answers it when the broker is done with the frame.
 */
@Component
class Receipts implements ExecutorChannelInterceptor {
    private final MessageChannel toClients;

    Receipts(@Lazy MessageChannel clientOutboundChannel) {
        this.toClients = clientOutboundChannel;
    }

    @Override
    public void afterMessageHandled(Message<?> message, MessageChannel channel, MessageHandler handler, Exception failure) {
        if (!(handler instanceof SimpleBrokerMessageHandler)) {
            return;
        }
        StompHeaderAccessor asked = MessageHeaderAccessor.getAccessor(message, StompHeaderAccessor.class);
        if (asked == null || asked.getReceipt() == null || asked.getCommand() == StompCommand.DISCONNECT) {
            return;
        }
        StompHeaderAccessor answer = StompHeaderAccessor.create(StompCommand.RECEIPT);
        answer.setSessionId(asked.getSessionId());
        answer.setReceiptId(asked.getReceipt());
        toClients.send(MessageBuilder.createMessage(new byte[0], answer.getMessageHeaders()));
    }
}
