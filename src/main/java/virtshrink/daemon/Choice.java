package virtshrink.daemon;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import virtshrink.libvirt.DiskVerdict;
import virtshrink.libvirt.DomainVerdict;
import virtshrink.schedule.Schedule;
import virtshrink.shrink.ShrinkRequest;

/** What a schedule makes of a domain. */
sealed interface Choice {
    /** The same for people. */
    String words();

    /** The schedule is not for it. */
    record NotMeant(String reason) implements Choice {
        @Override
        public String words() {
            return reason;
        }
    }

    /** It is meant, but must not be touched, or not now. */
    record LeftAlone(String reason) implements Choice {
        @Override
        public String words() {
            return reason;
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
     */
    record Take(DomainVerdict verdict, List<DiskVerdict.Eligible> meant) implements Choice {
        public Take {
            meant = List.copyOf(meant);
        }

        @Override
        public String words() {
            return "to be looked at";
        }

        String name() {
            return verdict.domain().name();
        }

        /** Whether a request of this domain is for a disk that is meant. */
        boolean means(ShrinkRequest request) {
            return meant.stream()
                    .anyMatch(disk ->
                            request.target().equals(Optional.of(disk.disk().target())));
        }

        /**
         * What is asked of the pipeline. The domain's other disks take part, because one of them may hold the state of a suspended guest, but
         * are only looked at.
         */
        List<ShrinkRequest> requests(Schedule schedule, boolean estimateOnly) {
            List<ShrinkRequest> requests = new ArrayList<>();
            for (ShrinkRequest request : verdict.requests()) {
                requests.add(new ShrinkRequest(
                        request.image(),
                        request.format(),
                        request.target(),
                        request.sectorBytes(),
                        request.output(),
                        request.convertTo(),
                        request.compress(),
                        request.createOptions(),
                        request.ignore(),
                        request.zero(),
                        request.inPlace(),
                        estimateOnly || !means(request),
                        request.keepOriginalSuffix(),
                        schedule.minimumGain(),
                        request.filler(),
                        schedule.allowRename(),
                        request.guard()));
            }
            return requests;
        }
    }
}
