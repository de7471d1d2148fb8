package virtshrink.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiFunction;
import virtshrink.control.ControlClient;
import virtshrink.control.Request;
import virtshrink.history.HistoryEntry.DiskRun;
import virtshrink.image.ImageFormat;
import virtshrink.image.ImageRefusedException;
import virtshrink.inspect.DiskInspection;
import virtshrink.libvirt.DiskHost;
import virtshrink.libvirt.DomainPolicy;
import virtshrink.libvirt.DomainRecord;
import virtshrink.libvirt.DomainVerdict;
import virtshrink.libvirt.LibvirtUnavailableException;
import virtshrink.libvirt.SilentDiskHost;
import virtshrink.shrink.Cancellation;
import virtshrink.shrink.Cancellation.RunCancelledException;
import virtshrink.shrink.FillProgress;
import virtshrink.shrink.FillReport;
import virtshrink.shrink.Outcome;
import virtshrink.shrink.ProgressListener;
import virtshrink.shrink.ShrinkReport;
import virtshrink.shrink.ShrinkRequest;

/** Does no work, remembers what was asked, and answers as told. */
final class FakeCollaborators implements Collaborators {
    final List<ShrinkRequest> requests = new ArrayList<>();
    final List<Path> changedImages = new ArrayList<>();
    final List<DiskRun> remembered = new ArrayList<>();
    Optional<Path> daemonSocket = Optional.empty();
    Optional<String> historyNote = Optional.empty();
    final List<DomainVerdict> verdicts = new ArrayList<>();
    final List<DomainPolicy> storedPolicies = new ArrayList<>();
    boolean forced;
    String connectedTo = "";
    BiFunction<ShrinkRequest, Cancellation, ShrinkReport> answer =
            (request, cancellation) -> Samples.report(request, Samples.MOST, Samples.SOME, Outcome.SHRUNK, "");
    Optional<Boolean> replayedJournals = Optional.empty();
    Optional<Exception> inspectionFailure = Optional.empty();
    Optional<LibvirtUnavailableException> refreshFailure = Optional.empty();
    DiskInspection inspection = Samples.disk();

    /** Answers every request with this outcome. */
    FakeCollaborators ending(Outcome outcome, String reason) {
        answer = (request, cancellation) -> Samples.report(request, Samples.MOST, Samples.MOST, outcome, reason);
        return this;
    }

    /** Answers by the file's name; {@link Outcome#SHRUNK} for others. */
    FakeCollaborators ending(Map<String, Outcome> byFile) {
        answer = (request, cancellation) -> {
            Outcome outcome = byFile.getOrDefault(request.image().getFileName().toString(), Outcome.SHRUNK);
            return Samples.report(
                    request, Samples.MOST, outcome == Outcome.SHRUNK ? Samples.SOME : Samples.MOST, outcome, "as told");
        };
        return this;
    }

    @Override
    public DiskInspection inspect(Path image, ImageFormat format, boolean replayJournals)
            throws IOException, ImageRefusedException {
        replayedJournals = Optional.of(replayJournals);
        if (inspectionFailure.isPresent()) {
            Exception failure = inspectionFailure.get();
            if (failure instanceof IOException io) {
                throw io;
            } else if (failure instanceof ImageRefusedException refused) {
                throw refused;
            }
            throw (RuntimeException) failure;
        }
        return inspection;
    }

    @Override
    public ShrinkReport shrink(ShrinkRequest request, ProgressListener progress, Cancellation cancellation) {
        requests.add(request);
        Samples.PHASES.forEach((phase, time) -> {
            progress.phaseBegan(phase);
            progress.advanced(25, 100);
            progress.advanced(100, 100);
        });
        if (cancellation.reason().isPresent()) {
            return Samples.report(
                    request,
                    Samples.MOST,
                    Samples.MOST,
                    Outcome.YIELDED,
                    cancellation.reason().get());
        }
        return answer.apply(request, cancellation);
    }

    @Override
    public List<ShrinkReport> shrinkTogether(
            List<ShrinkRequest> disks, ProgressListener progress, Cancellation cancellation) {
        return disks.stream().map(disk -> shrink(disk, progress, cancellation)).toList();
    }

    @Override
    public FillReport fill(Path directory, boolean force, FillProgress progress, Cancellation cancellation)
            throws RunCancelledException {
        forced = force;
        cancellation.checkpoint();
        progress.advanced(1, 2);
        return new FillReport(Samples.GIB, 1);
    }

    @Override
    public Optional<ControlClient> daemon(Request request) throws IOException {
        return daemonSocket.isPresent()
                ? Optional.of(ControlClient.ask(daemonSocket.get(), request))
                : Optional.empty();
    }

    @Override
    public Optional<String> remember(DiskRun run) {
        remembered.add(run);
        return historyNote;
    }

    @Override
    public Domains domains(String uri) {
        connectedTo = uri;
        return new Domains() {
            @Override
            public List<DomainVerdict> all() {
                return verdicts;
            }

            @Override
            public Optional<DomainVerdict> named(String name) {
                return verdicts.stream()
                        .filter(verdict -> verdict.domain().name().equals(name))
                        .findFirst();
            }

            @Override
            public Optional<DomainRecord> record(String name) {
                return verdicts.stream()
                        .map(DomainVerdict::domain)
                        .filter(domain -> domain.name().equals(name)
                                || domain.uuid().toString().equals(name))
                        .findFirst();
            }

            @Override
            public Optional<String> storePolicy(DomainRecord domain, DomainPolicy policy) {
                storedPolicies.add(policy);
                return Optional.empty();
            }

            @Override
            public Map<String, Path> poolDirectories() {
                return Map.of("images", Path.of("/images"));
            }

            @Override
            public void changed(Path image) throws LibvirtUnavailableException {
                changedImages.add(image);
                if (refreshFailure.isPresent()) {
                    throw refreshFailure.get();
                }
            }

            @Override
            public DiskHost diskHost() {
                return new SilentDiskHost();
            }

            @Override
            public void close() {}
        };
    }
}
