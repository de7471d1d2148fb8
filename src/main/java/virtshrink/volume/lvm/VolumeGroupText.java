package virtshrink.volume.lvm;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import virtshrink.block.CorruptStructureException;

/** Makes a volume group of its text: what lvm2's {@code import_vsn1.c} reads, checked against itself. */
final class VolumeGroupText {
    private static final long SECTOR_BYTES = 512;
    private static final long MOST_U32 = 0xFFFF_FFFFL;
    private static final long MOST_SECTORS = Long.MAX_VALUE / SECTOR_BYTES;
    private static final int UUID_CHARACTERS = 38;
    private static final Pattern UUID = Pattern.compile("[0-9A-Za-z!#]{6}(-[0-9A-Za-z!#]{4}){5}-[0-9A-Za-z!#]{6}");
    private static final int MOST_NAME_CHARACTERS = 127;

    /** Each of them is looked into. */
    static final int MOST_LOGICAL_VOLUMES = 2048;

    /** As many as lvm2 takes. */
    private static final int MOST_STRIPES = 128;

    private static final Set<String> SECTIONS =
            Set.of("physical_volumes", "logical_volumes", "historical_logical_volumes");
    private static final Set<String> VG_STATUS =
            Set.of("RESIZEABLE", "READ", "WRITE", "EXPORTED", "PVMOVE", "CLUSTERED", "SHARED");
    private static final Set<String> VG_FLAGS = Set.of("WRITE_LOCKED", "NOAUTOACTIVATE");
    private static final Set<String> PV_STATUS = Set.of("ALLOCATABLE", "EXPORTED", "MISSING");
    /** Of these nothing changes where the volume's bytes lie or who else needs them. */
    private static final Set<String> PLAIN_LV_STATUS = Set.of("READ", "WRITE", "VISIBLE", "FIXED_MINOR");

    private static final Set<String> PLAIN_LV_FLAGS = Set.of("WRITE_LOCKED", "ACTIVATION_SKIP", "NOAUTOACTIVATE");

    private VolumeGroupText() {}

    /** @throws CorruptStructureException if the text does not follow its grammar, or contradicts itself */
    static VolumeGroup parse(byte[] text) {
        ConfigSection root = ConfigParser.parse(text);
        require(root, root.text("contents").equals("Text Format Volume Group"), "contents of another kind");
        require(root, root.number("version") == 1, "version 1 expected");
        require(
                root,
                root.sections().size() == 1,
                "%d volume groups".formatted(root.sections().size()));
        ConfigSection group = root.sections().values().iterator().next();
        require(group, isName(group.ownName()), "not a name");
        require(group, group.optionalText("format").orElse("lvm2").equals("lvm2"), "not of format lvm2");
        long extentBytes = Math.multiplyExact(atLeastOne(group, "extent_size"), SECTOR_BYTES);

        Map<String, VolumeGroup.PhysicalVolume> physical = physicalVolumes(group, extentBytes);
        List<VolumeGroup.LogicalVolume> logical = new ArrayList<>();
        for (ConfigSection section : group.sectionsIn("logical_volumes")) {
            logical.add(logicalVolume(section, extentBytes));
        }
        VolumeGroup found = new VolumeGroup(
                group.ownName(),
                uuid(group),
                group.number("seqno", MOST_U32),
                extentBytes,
                leftAlone(group),
                List.copyOf(physical.values()),
                List.copyOf(logical));
        requireReferences(group, found, physical);
        requireNothingTwice(group, found, physical);
        return found;
    }

    private static Optional<String> leftAlone(ConfigSection group) {
        List<String> status = group.texts("status");
        String lockType = group.optionalText("lock_type").orElse("none");
        if (status.contains("EXPORTED")) {
            return Optional.of("the volume group is exported: it waits for another machine");
        } else if (status.contains("CLUSTERED") || status.contains("SHARED") || !lockType.equals("none")) {
            return Optional.of("the volume group is shared with other machines");
        } else if (!VG_STATUS.containsAll(status) || !VG_FLAGS.containsAll(group.texts("flags"))) {
            return Optional.of("the volume group has a status that is not known: " + status + group.texts("flags"));
        } else if (!SECTIONS.containsAll(group.sections().keySet())) {
            return Optional.of("the volume group has sections that are not known: "
                    + group.sections().keySet());
        } else if (group.sectionsIn("logical_volumes").size() > MOST_LOGICAL_VOLUMES) {
            return Optional.of("more than %d logical volumes".formatted(MOST_LOGICAL_VOLUMES));
        }
        return Optional.empty();
    }

    private static Map<String, VolumeGroup.PhysicalVolume> physicalVolumes(ConfigSection group, long extentBytes) {
        Map<String, VolumeGroup.PhysicalVolume> physical = new HashMap<>();
        Set<String> uuids = new HashSet<>();
        for (ConfigSection section : group.sectionsIn("physical_volumes")) {
            List<String> status = section.texts("status");
            List<String> flags = section.texts("flags");
            long deviceSectors =
                    section.values().containsKey("dev_size") ? section.number("dev_size", MOST_SECTORS) : 0;
            long firstSector = section.number("pe_start", MOST_SECTORS);
            long extents = section.number("pe_count", MOST_U32);
            require(
                    section,
                    PV_STATUS.containsAll(status) && PV_STATUS.containsAll(flags),
                    "unknown status " + status + flags);
            long start = firstSector * SECTOR_BYTES;
            require(
                    section,
                    extents <= (Long.MAX_VALUE - start) / extentBytes,
                    "%d extents of %d bytes".formatted(extents, extentBytes));
            String uuid = uuid(section);
            require(section, uuids.add(uuid), "a physical volume that is there twice");
            physical.put(
                    section.ownName(),
                    new VolumeGroup.PhysicalVolume(
                            section.ownName(),
                            uuid,
                            deviceSectors * SECTOR_BYTES,
                            start,
                            extents,
                            status.contains("MISSING") || flags.contains("MISSING")));
        }
        require(group, !physical.isEmpty(), "no physical volumes");
        return physical;
    }

    private static VolumeGroup.LogicalVolume logicalVolume(ConfigSection section, long extentBytes) {
        require(section, isName(section.ownName()), "not a name");
        uuid(section);
        List<String> status = section.texts("status");
        List<String> flags = section.texts("flags");
        List<LvSegment> segments = new ArrayList<>();
        long next = 0;
        List<ConfigSection> sections = new ArrayList<>(section.sections().values());
        sections.sort((a, b) -> Long.compare(a.number("start_extent"), b.number("start_extent")));
        for (ConfigSection child : sections) {
            LvSegment segment = segment(child);
            require(child, segment.startExtent() == next, "a gap or an overlap at extent " + next);
            next += segment.extentCount();
            segments.add(segment);
        }
        require(section, section.number("segment_count") == segments.size(), "another number of segments than told");
        require(section, !segments.isEmpty(), "no segments");
        require(section, next <= Long.MAX_VALUE / 2 / extentBytes, next + " extents");
        Optional<String> obstacle = Optional.empty();
        if (!PLAIN_LV_STATUS.containsAll(status) || !PLAIN_LV_FLAGS.containsAll(flags)) {
            List<String> unusual = new ArrayList<>(status);
            unusual.addAll(flags);
            unusual.removeAll(PLAIN_LV_STATUS);
            unusual.removeAll(PLAIN_LV_FLAGS);
            obstacle = Optional.of("logical volume in the state " + String.join(", ", unusual));
        }
        return new VolumeGroup.LogicalVolume(
                section.ownName(), status.contains("VISIBLE"), obstacle, List.copyOf(segments));
    }

    private static LvSegment segment(ConfigSection section) {
        long start = section.number("start_extent", MOST_U32);
        long count = atLeastOne(section, "extent_count");
        String type = section.text("type");
        if (!type.equals("striped")) {
            // The only one of the others that takes of physical volumes itself: old mirrors, and what pvmove makes.
            List<LvSegment.Area> areas = type.equals("mirror") ? areas(section, "mirrors") : List.of();
            List<String> names = section.allTexts();
            names.remove(type);
            return new LvSegment.Other(start, count, type, areas, Set.copyOf(names));
        }
        long stripes = atLeastOne(section, "stripe_count");
        long stripeSectors = stripes == 1 ? 0 : atLeastOne(section, "stripe_size");
        List<LvSegment.Area> areas = areas(section, "stripes");
        require(section, stripes <= MOST_STRIPES, stripes + " stripes");
        require(section, areas.size() == stripes, "%d stripes, %d told".formatted(areas.size(), stripes));
        require(section, count % stripes == 0, "extents that are not a multiple of the stripes");
        return new LvSegment.Striped(start, count, stripeSectors, areas);
    }

    private static List<LvSegment.Area> areas(ConfigSection section, String key) {
        List<ConfigValue> items = section.array(key);
        List<LvSegment.Area> areas = new ArrayList<>();
        for (int at = 0; at < items.size(); at += 2) {
            if (at + 1 < items.size()
                    && items.get(at) instanceof ConfigValue.Text name
                    && items.get(at + 1) instanceof ConfigValue.Whole extent
                    && extent.value() >= 0
                    && extent.value() <= MOST_U32) {
                areas.add(new LvSegment.Area(name.text(), extent.value()));
            } else {
                throw section.broken(key + " are not pairs of a name and an extent");
            }
        }
        return List.copyOf(areas);
    }

    /** Everything that is built upon exists, and nothing takes of a physical volume in a way that is not understood. */
    private static void requireReferences(
            ConfigSection group, VolumeGroup found, Map<String, VolumeGroup.PhysicalVolume> physical) {
        Set<String> logical = new HashSet<>();
        found.logicalVolumes().forEach(volume -> logical.add(volume.name()));
        for (VolumeGroup.LogicalVolume volume : found.logicalVolumes()) {
            for (LvSegment segment : volume.segments()) {
                for (LvSegment.Area area : segment.areas()) {
                    require(
                            group,
                            physical.containsKey(area.name()) || logical.contains(area.name()),
                            volume.name() + " is built on " + area.name() + ", which is not there");
                }
                if (segment instanceof LvSegment.Other other) {
                    Set<String> direct = new HashSet<>(other.names());
                    direct.retainAll(physical.keySet());
                    other.areas().forEach(area -> direct.remove(area.name()));
                    require(
                            group,
                            direct.isEmpty(),
                            "%s of type %s takes of %s in a way that is not known"
                                    .formatted(volume.name(), other.type(), direct));
                }
            }
        }
    }

    /** No extent belongs to two segments, and none lies behind the last. */
    private static void requireNothingTwice(
            ConfigSection group, VolumeGroup found, Map<String, VolumeGroup.PhysicalVolume> physical) {
        Map<String, AllocatedExtents> allocated = AllocatedExtents.of(found);
        for (Map.Entry<String, AllocatedExtents> entry : allocated.entrySet()) {
            VolumeGroup.PhysicalVolume volume = physical.get(entry.getKey());
            Optional<String> broken = volume == null
                    ? Optional.of("an area of no physical volume")
                    : entry.getValue().contradiction(volume.extents());
            if (broken.isPresent()) {
                throw group.broken(entry.getKey() + ": " + broken.get());
            }
        }
    }

    private static long atLeastOne(ConfigSection section, String key) {
        long value = section.number(key, MOST_U32);
        require(section, value > 0, key + " = 0");
        return value;
    }

    private static String uuid(ConfigSection section) {
        String id = section.text("id");
        require(section, id.length() == UUID_CHARACTERS && UUID.matcher(id).matches(), "not an identifier");
        return id;
    }

    private static boolean isName(String name) {
        return name.length() <= MOST_NAME_CHARACTERS
                && !name.startsWith("-")
                && !name.equals(".")
                && !name.equals("..");
    }

    private static void require(ConfigSection section, boolean condition, String reason) {
        if (!condition) {
            throw section.broken(reason);
        }
    }
}
