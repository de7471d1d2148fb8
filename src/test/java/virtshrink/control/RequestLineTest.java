package virtshrink.control;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class RequestLineTest {
    static List<Request> requests() {
        return List.of(
                new Request.Status(),
                new Request.Cancel(Optional.empty()),
                new Request.Cancel(Optional.of("grün \"1\"\n\u0001")),
                new Request.Shrink("qemu:///system", List.of("web", "db"), Map.of("dryRun", false, "filler", "auto")));
    }

    @ParameterizedTest
    @MethodSource("requests")
    void comesBackAsItWas(Request request) throws Exception {
        byte[] line = RequestLine.of(request);
        assertEquals('\n', line[line.length - 1]);
        assertEquals(1, new String(line, StandardCharsets.UTF_8).lines().count());
        assertEquals(request, RequestLine.parse(line));
    }

    private static String problem(String line) {
        return problem(line.getBytes(StandardCharsets.UTF_8));
    }

    private static String problem(byte[] line) {
        return assertThrows(MalformedMessageException.class, () -> RequestLine.parse(line))
                .getMessage();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '~',
            value = {
                "null|it is no JSON object",
                "[1]|it is no JSON object",
                "\"status\"|it is no JSON object",
                "{}|its field 'version' is missing or wrong",
                "{\"version\":\"1\"}|its field 'version' is missing or wrong",
                "{\"version\":1.5,\"request\":\"status\"}|its field 'version' is missing or wrong",
                "{\"version\":2,\"request\":\"status\"}|it is of version 2 of the protocol, and this daemon speaks version 1",
                "{\"version\":1}|its field 'request' is missing or wrong",
                "{\"version\":1,\"request\":\"format\"}|there is no request 'format'",
                "{\"version\":1,\"request\":\"cancel\",\"domain\":[]}|its field 'domain' is missing or wrong",
                "{\"version\":1,\"request\":\"cancel\",\"domain\":\"\"}|no domain can have such a name",
                "{\"version\":1,\"request\":\"cancel\",\"domain\":\"a\\u0000\"}|no domain can have such a name",
                "{\"version\":1,\"request\":\"shrink\",\"connect\":\"x\",\"domains\":[],\"settings\":{}}|it must name 1 to 256 domains",
                "{\"version\":1,\"request\":\"shrink\",\"connect\":\"x\",\"domains\":[3],\"settings\":{}}|its field 'domains' is missing or wrong",
                "{\"version\":1,\"request\":\"shrink\",\"connect\":\"x\",\"domains\":[\"a\"],\"settings\":null}|its field 'settings' is missing or wrong",
            })
    void saysWhatIsWrongWithARequest(String line, String problem) {
        assertEquals(problem, problem(line));
    }

    @Test
    void refusesWhatIsNoJson() {
        for (String line : List.of("{", "{\"version\":1,", "GET / HTTP/1.1", "{\"a\":1,\"a\":2}", "{'version':1}")) {
            assertTrue(problem(line).startsWith("it is no JSON"), line);
        }
        assertTrue(problem("[".repeat(60_000)).startsWith("it is no JSON"));
        assertEquals("it is not UTF-8", problem(new byte[] {'{', (byte) 0xff, '}'}));
    }

    @Test
    void refusesTooManyNames() {
        List<String> many = java.util.Collections.nCopies(257, "a");
        assertEquals(
                "it must name 1 to 256 domains",
                problem(RequestLine.of(new Request.Shrink("qemu:///system", many, Map.of()))));
    }

    /** Whatever a broken client sends is a request or a complaint. */
    @Test
    void survivesEveryCutAndManyFlippedBits() throws Exception {
        byte[] whole = RequestLine.of(requests().get(3));
        for (int cut = 0; cut < whole.length - 2; cut++) {
            problem(java.util.Arrays.copyOf(whole, cut));
        }
        long seed = System.nanoTime();
        Random random = new Random(seed);
        for (int i = 0; i < 20_000; i++) {
            byte[] flipped = whole.clone();
            for (int flips = random.nextInt(3); flips >= 0; flips--) {
                flipped[random.nextInt(flipped.length)] ^= (byte) (1 << random.nextInt(8));
            }
            try {
                RequestLine.parse(flipped);
            } catch (MalformedMessageException expected) {
                assertTrue(!expected.getMessage().isEmpty(), "seed " + seed);
            }
        }
    }

    @Test
    void answersComeBackAsTheyWere() throws Exception {
        Map<String, Object> nested = new java.util.LinkedHashMap<>();
        nested.put("text", "ä\n");
        nested.put("nothing", null);
        nested.put("list", List.of(1, 2));
        for (Answer answer : List.of(
                new Answer.Refused(Answer.Why.NOT_PERMITTED, "no"),
                new Answer.Status(nested),
                new Answer.Cancelled(List.of("web")),
                new Answer.Accepted(),
                new Answer.Waiting("for db"),
                new Answer.Subject("web"),
                new Answer.PhaseBegan(virtshrink.shrink.Phase.REBUILD),
                new Answer.Progress(1, 1L << 40),
                new Answer.Result(nested),
                new Answer.End())) {
            assertEquals(answer, AnswerLine.parse(AnswerLine.of(answer)));
        }
        assertArrayEquals(
                "{\"answer\":\"phase-began\",\"phase\":\"swap\"}\n".getBytes(StandardCharsets.UTF_8),
                AnswerLine.of(new Answer.PhaseBegan(virtshrink.shrink.Phase.SWAP)));
    }
}
