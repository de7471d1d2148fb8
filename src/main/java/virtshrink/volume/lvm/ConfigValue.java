package virtshrink.volume.lvm;

import java.util.List;

/** What stands behind an equals sign. */
sealed interface ConfigValue {
    record Text(String text) implements ConfigValue {}

    record Whole(long value) implements ConfigValue {}

    record Array(List<ConfigValue> items) implements ConfigValue {
        public Array {
            items = List.copyOf(items);
        }
    }
}
