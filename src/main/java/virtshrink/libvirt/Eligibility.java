package virtshrink.libvirt;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import virtshrink.libvirt.DomainIdleGuard.DomainQuery;
import virtshrink.shrink.ShrinkRequest;

/**
 * Judges which disks of which domains may be shrunk, by what libvirt and the image headers say; what the disks hold is judged later. Nothing
 * is written. Thread-safe.
 */
public final class Eligibility {
    private final Hypervisor hypervisor;
    private final IdleRule idleRule;

    /**
     * For the domains of a connection.
     *
     * @param domainLogDirectory where libvirt logs what becomes of its domains; usually {@link Hypervisor#domainLogDirectory()}
     */
    public Eligibility(Hypervisor hypervisor, Path domainLogDirectory) {
        this.hypervisor = hypervisor;
        this.idleRule = new IdleRule(new DomainLog(domainLogDirectory));
    }

    /** Every domain, in libvirt's order. */
    public List<DomainVerdict> judgeAll() throws LibvirtUnavailableException {
        HostSurvey survey = hypervisor.survey();
        return judge(survey, survey.domains(), idleRule, hypervisor::domain);
    }

    /**
     * One domain. The others are looked at all the same: they may use its images.
     *
     * @return empty if there is no domain of that name or UUID
     */
    public Optional<DomainVerdict> judge(String nameOrUuid) throws LibvirtUnavailableException {
        Optional<DomainRecord> wanted = hypervisor.domain(nameOrUuid);
        if (wanted.isEmpty()) {
            return Optional.empty();
        }
        HostSurvey survey = hypervisor.survey();
        List<DomainRecord> domain = survey.domains().stream()
                .filter(known -> known.uuid().equals(wanted.get().uuid()))
                .toList();
        return judge(survey, domain, idleRule, hypervisor::domain).stream().findFirst();
    }

    /** Why a domain is not at rest, as a sentence; empty if it is. Neither its disks nor other domains are looked at. */
    public Optional<String> whyNotIdle(String nameOrUuid) throws LibvirtUnavailableException {
        Optional<DomainRecord> now = hypervisor.domain(nameOrUuid);
        return now.isEmpty()
                ? Optional.of("the domain " + nameOrUuid + " is no longer defined")
                : idleRule.whyNotIdle(now.get());
    }

    /** The judgement itself, on what is known of the host. */
    static List<DomainVerdict> judge(
            HostSurvey survey, List<DomainRecord> domains, IdleRule idleRule, DomainQuery query) {
        ImageCensus census = ImageCensus.of(survey);
        DiskRule diskRule = new DiskRule(census, survey.volumes());
        List<DomainVerdict> verdicts = new ArrayList<>();
        for (DomainRecord domain : domains) {
            Optional<String> refusal = idleRule.whyNotIdle(domain);
            List<DiskVerdict> disks = domain.disks().stream()
                    .map(disk -> refusal.or(() -> diskRule.whyNot(domain, disk))
                            .<DiskVerdict>map(reason -> new DiskVerdict.Refused(disk, reason))
                            .orElseGet(() -> eligible(disk, new DomainIdleGuard(query, idleRule, domain, disk))))
                    .toList();
            verdicts.add(new DomainVerdict(domain, refusal, disks, census.notes()));
        }
        return verdicts;
    }

    private static DiskVerdict eligible(DomainDisk disk, DomainIdleGuard guard) {
        ShrinkRequest request = ShrinkRequest.of(disk.file().orElseThrow(), DiskRule.format(disk))
                .changed()
                .target(Optional.of(disk.target()))
                .sectorBytes(Math.toIntExact(disk.logicalBlockBytes()))
                .guard(guard)
                .build();
        List<String> notes = disk.driverType().isPresent()
                ? List.of()
                : List.of("the domain's XML names no format for " + disk.target()
                        + ", so libvirt and virt-shrink treat it as raw");
        return new DiskVerdict.Eligible(disk, request, notes);
    }
}
