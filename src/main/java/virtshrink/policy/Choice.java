package virtshrink.policy;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import virtshrink.libvirt.DiskVerdict;
import virtshrink.libvirt.DomainVerdict;
import virtshrink.schedule.Schedule;
import virtshrink.shrink.ShrinkRequest;
import virtshrink.shrink.ShrinkRequest.Filler;

/** What a schedule makes of a domain. */
public sealed interface Choice {
    /** The same for people. */
    String words();

    /** Why a disk of the domain is left alone; empty if it is to be looked at. */
    default Optional<String> whyNot(String target) {
        return Optional.of(words());
    }

    /** The schedule is not for it. */
    record NotMeant(String reason) implements Choice {
        @Override
        public String words() {
            return reason;
        }
    }

    /**
     * It is meant, but must not be touched, or not now.
     *
     * @param ofDisks why each disk is left alone, by its target, where that is not the same for all
     */
    record LeftAlone(String reason, Map<String, String> ofDisks) implements Choice {
        public LeftAlone {
            ofDisks = Map.copyOf(ofDisks);
        }

        LeftAlone(String reason) {
            this(reason, Map.of());
        }

        @Override
        public String words() {
            return reason;
        }

        @Override
        public Optional<String> whyNot(String target) {
            return Optional.of(ofDisks.getOrDefault(target, reason));
        }
    }

    /** Its images are as the last run has left them. */
    record Unchanged() implements Choice {
        @Override
        public String words() {
            return "its images are as the last run has left them";
        }
    }

    /**
     * It is to be looked at.
     *
     * @param meant the disks that the schedule is for
     * @param others why the others are left alone, by their targets
     * @param terms what holds for it
     */
    record Take(DomainVerdict verdict, List<DiskVerdict.Eligible> meant, Map<String, String> others, Terms terms)
            implements Choice {
        public Take {
            meant = List.copyOf(meant);
            others = Map.copyOf(others);
        }

        @Override
        public String words() {
            return "to be looked at";
        }

        @Override
        public Optional<String> whyNot(String target) {
            return Optional.ofNullable(others.get(target));
        }

        public String name() {
            return verdict.domain().name();
        }

        /** Whether a request of this domain is for a disk that is meant. */
        public boolean means(ShrinkRequest request) {
            return meant.stream()
                    .anyMatch(disk ->
                            request.target().equals(Optional.of(disk.disk().target())));
        }

        /**
         * What is asked of the pipeline. The domain's other disks take part, because one of them may hold the state of a suspended guest, but
         * are only looked at.
         */
        public List<ShrinkRequest> requests(Schedule schedule, boolean estimateOnly) {
            List<ShrinkRequest> requests = new ArrayList<>();
            for (ShrinkRequest request : verdict.requests()) {
                requests.add(request.changed()
                        .dryRun(estimateOnly || !means(request))
                        .minimumGain(terms.minimumGain())
                        .allowRename(schedule.allowRename())
                        .replayJournals(schedule.replayJournals())
                        .filler(schedule.mounts() ? Filler.MOUNT : request.filler())
                        .build());
            }
            return requests;
        }
    }
}
