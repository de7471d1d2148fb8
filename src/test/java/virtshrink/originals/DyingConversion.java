package virtshrink.originals;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import virtshrink.image.RunDirectory;
import virtshrink.libvirt.DiskHost;
import virtshrink.libvirt.DomainVerdict;
import virtshrink.libvirt.Eligibility;
import virtshrink.libvirt.Hypervisor;
import virtshrink.libvirt.LibvirtDiskHost;
import virtshrink.libvirt.LibvirtUnavailableException;
import virtshrink.shrink.Cancellation;
import virtshrink.shrink.Phase;
import virtshrink.shrink.ProgressListener;
import virtshrink.shrink.ShrinkReport;
import virtshrink.shrink.Shrinker;

/** A process that converts or restores, and dies on the way as by {@code kill -9}. Arguments: URI, log directory, state directory, run directory, domain, step. */
public final class DyingConversion {
    private DyingConversion() {}

    /** Where it dies. */
    enum Step {
        INTENDED,
        REBUILDING,
        CONVERTED,
        MOVING_RECORDED,
        NAMED,
        DEFINED,
        DONE,
        RETURN_RECORDED,
        RETURN_DEFINED
    }

    public static void main(String[] arguments) throws Exception {
        Path logs = Path.of(arguments[1]);
        Originals originals = new Originals(Path.of(arguments[2]));
        RunDirectory runs = RunDirectory.at(Path.of(arguments[3]));
        String domain = arguments[4];
        Step step = Step.valueOf(arguments[5]);
        Hypervisor hypervisor = Hypervisor.open(arguments[0]);
        DiskHost host = dying(new LibvirtDiskHost(hypervisor, logs), step);
        if (step == Step.RETURN_RECORDED || step == Step.RETURN_DEFINED) {
            KeptOriginal kept = originals.all().stream()
                    .filter(found -> found.domain().equals(domain))
                    .findFirst()
                    .orElseThrow();
            new Restore(originals, host, runs, Clock.systemUTC()).run(kept, false, new Cancellation());
            throw new IllegalStateException("it has restored");
        }
        DomainVerdict verdict = new Eligibility(hypervisor, logs).judge(domain).orElseThrow();
        Keeping keeping = Keeping.begin(
                originals, verdict.domain(), verdict.requests(), OriginalsFixture.CONVERT, Clock.systemUTC());
        dieAt(step, Step.INTENDED);
        List<ShrinkReport> reports = new Shrinker().runTogether(keeping.requests(), dyingIn(step), new Cancellation());
        List<ShrinkReport> settled = keeping.finish(reports, runs, new Cancellation(), () -> {
            dieAt(step, Step.CONVERTED);
            return host;
        });
        dieAt(step, Step.DONE);
        throw new IllegalStateException("it has come through: " + settled);
    }

    private static void dieAt(Step chosen, Step here) {
        if (chosen == here) {
            try {
                new ProcessBuilder(
                                "kill",
                                "-9",
                                Long.toString(ProcessHandle.current().pid()))
                        .start()
                        .waitFor();
            } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    private static ProgressListener dyingIn(Step step) {
        return new ProgressListener() {
            @Override
            public void phaseBegan(Phase phase) {
                if (phase == Phase.VERIFY) {
                    dieAt(step, Step.REBUILDING);
                }
            }

            @Override
            public void advanced(long doneBytes, long totalBytes) {}
        };
    }

    private static DiskHost dying(DiskHost real, Step step) {
        return new PassingHost(real) {
            @Override
            void afterGuard() {
                dieAt(step, Step.MOVING_RECORDED);
            }

            @Override
            void beforeMove() {
                dieAt(step, Step.NAMED);
                dieAt(step, Step.RETURN_RECORDED);
            }

            @Override
            void afterMove() throws LibvirtUnavailableException {
                dieAt(step, Step.DEFINED);
                dieAt(step, Step.RETURN_DEFINED);
            }
        };
    }
}
