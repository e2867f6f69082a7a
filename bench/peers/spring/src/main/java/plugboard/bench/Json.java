package plugboard.bench;

/** What goes through Redis, written with the Jackson that belongs to this version of Spring Boot. */
public interface Json {
    record Envelope(String destination, String content) {
    }

    String write(Envelope envelope);

    Envelope read(String text);
}
