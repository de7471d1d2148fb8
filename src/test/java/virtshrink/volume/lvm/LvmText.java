package virtshrink.volume.lvm;

/** Sections of logical volumes as lvm2 writes them into its text. */
public final class LvmText {
    private LvmText() {}

    public static String visible(String name, String... segments) {
        return volume(name, "\"READ\", \"WRITE\", \"VISIBLE\"", segments);
    }

    public static String hidden(String name, String... segments) {
        return volume(name, "\"READ\", \"WRITE\"", segments);
    }

    public static String volume(String name, String status, String... segments) {
        StringBuilder text = new StringBuilder("""
                %s {
                id = "%s"
                status = [%s]
                flags = []
                segment_count = %d
                """.formatted(name, uuid(name), status, segments.length));
        for (int number = 1; number <= segments.length; number++) {
            text.append("segment%d {\n%s}\n".formatted(number, segments[number - 1]));
        }
        return text.append("}\n").toString();
    }

    public static String segment(long start, long count, String type, String... lines) {
        return "start_extent = %d\nextent_count = %d\ntype = \"%s\"\n%s\n"
                .formatted(start, count, type, String.join("\n", lines));
    }

    public static String linear(long start, long count, String area, long extent) {
        return segment(start, count, "striped", "stripe_count = 1", "stripes = [\"%s\", %d]".formatted(area, extent));
    }

    /** An identifier of its own for each name. */
    private static String uuid(String name) {
        String digits = "%032d".formatted(Math.abs((long) name.hashCode()));
        return digits.replaceFirst("(.{6})(.{4})(.{4})(.{4})(.{4})(.{4})(.{6})", "$1-$2-$3-$4-$5-$6-$7");
    }
}
