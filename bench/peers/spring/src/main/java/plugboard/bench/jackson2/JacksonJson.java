package plugboard.bench.jackson2;

import java.io.UncheckedIOException;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import org.springframework.stereotype.Component;
import plugboard.bench.Json;

/** Spring Boot 3's. */
@Component
class JacksonJson implements Json {
    private final ObjectMapper mapper;

    JacksonJson(ObjectMapper mapper) {
        this.mapper = mapper;
    }

    @Override
    public String write(Envelope envelope) {
        try {
            return mapper.writeValueAsString(envelope);
        } catch (JsonProcessingException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public Envelope read(String text) {
        try {
            return mapper.readValue(text, Envelope.class);
        } catch (JsonProcessingException e) {
            throw new UncheckedIOException(e);
        }
    }
}
