package plugboard.bench.jackson3;

import org.springframework.stereotype.Component;
import plugboard.bench.Json;
import tools.jackson.databind.json.JsonMapper;

/** Spring Boot 4's. */
@Component
class JacksonJson implements Json {
    private final JsonMapper mapper;

    JacksonJson(JsonMapper mapper) {
        this.mapper = mapper;
    }

    @Override
    public String write(Envelope envelope) {
        return mapper.writeValueAsString(envelope);
    }

    @Override
    public Envelope read(String text) {
        return mapper.readValue(text, Envelope.class);
    }
}
