package virtshrink.libvirt;

import java.util.List;

/**
 * Everything libvirt knows that bears on who uses which image.
 *
 * @param domains all, running or not, transient ones too
 * @param volumes of all active pools whose volumes are files
 * @param notes what could not be learnt, each a sentence
 */
record HostSurvey(List<DomainRecord> domains, List<PoolVolumeRecord> volumes, List<String> notes) {
    HostSurvey {
        domains = List.copyOf(domains);
        volumes = List.copyOf(volumes);
        notes = List.copyOf(notes);
    }
}
