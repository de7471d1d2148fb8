package virtshrink.nbd;

import java.util.Map;
import java.util.TreeMap;

/**
 * Which bytes of a read have arrived. Chunks may come in any order; nearly always they come in ascending order, which costs one comparison
 * each.
 */
final class Coverage {
    /** Bounds what a server can make this side remember; chunks in any sensible order join at once. */
    private static final int MOST_ISLANDS = 4096;

    private final long endBytes;
    /** Everything before it has arrived. */
    private long frontierBytes;
    /** Disjoint runs beyond the frontier that have arrived: end by start. */
    private final TreeMap<Long, Long> islands = new TreeMap<>();

    Coverage(long startBytes, long endBytes) {
        this.frontierBytes = startBytes;
        this.endBytes = endBytes;
    }

    /**
     * Notes a run as arrived.
     *
     * @return false if some of it had arrived before, or too many separate runs have arrived
     */
    boolean claim(long fromBytes, long toBytes) {
        Map.Entry<Long, Long> below = islands.lowerEntry(toBytes);
        if (fromBytes < frontierBytes || (below != null && below.getValue() > fromBytes)) {
            return false;
        }
        if (fromBytes == frontierBytes) {
            frontierBytes = absorbFrom(toBytes);
            return true;
        }
        long end = absorbFrom(toBytes);
        if (below != null && below.getValue() == fromBytes) {
            islands.put(below.getKey(), end);
        } else {
            islands.put(fromBytes, end);
        }
        return islands.size() <= MOST_ISLANDS;
    }

    boolean isWhole() {
        return frontierBytes == endBytes;
    }

    /** Removes the island that begins here, if there is one; where the joined run ends. */
    private long absorbFrom(long startBytes) {
        Long end = islands.remove(startBytes);
        return end == null ? startBytes : end;
    }
}
