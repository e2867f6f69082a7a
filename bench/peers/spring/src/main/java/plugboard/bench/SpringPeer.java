package plugboard.bench;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;

/** A Spring "WebSocket message broker" as its guide has it: one endpoint, the SimpleBroker, an application prefix. */
@SpringBootApplication
public class SpringPeer {
    public static void main(String[] arguments) {
        SpringApplication.run(SpringPeer.class, arguments);
    }
}
