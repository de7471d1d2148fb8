package virtshrink.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import virtshrink.image.ImageRefusedException;
import virtshrink.image.RunDirectory;
import virtshrink.libvirt.DiskHost;
import virtshrink.libvirt.DomainRecord;
import virtshrink.originals.KeptOriginal;
import virtshrink.originals.Originals;
import virtshrink.originals.Restore;
import virtshrink.shrink.Cancellation.RunCancelledException;

@Command(
        name = "restore",
        description =
                "Gives the disks of a shut-off domain their originals back, which the daemon has kept by its policy"
                        + " keep-original or keep-converted. What has their place now is removed.")
final class RestoreCommand implements Callable<Integer> {
    private final Session session;

    @ParentCommand
    private VirtShrinkCommand parent = new VirtShrinkCommand();

    @Option(names = "--list", description = "Show which originals are kept, and do nothing.")
    private boolean list;

    @Option(names = "--disk", paramLabel = "TARGET", description = "Only this disk, as the guest names it: vda.")
    private @Nullable String disk;

    @Option(
            names = "--discard-changes",
            description = "Also if the guest has been started since: what it has stored since then is lost for ever.")
    private boolean discardChanges;

    @Option(names = "--json", description = "Print one JSON object on standard output and nothing else.")
    private boolean json;

    @Option(
            names = "--directory",
            paramLabel = "DIR",
            description = "Where the daemon keeps its history and its records of originals (default: where its"
                    + " configuration says).")
    private @Nullable Path named;

    @Parameters(arity = "0..1", paramLabel = "NAME", description = "Name or UUID of a domain.")
    private @Nullable String name;

    RestoreCommand(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException, WrongUsageException, ImageRefusedException {
        Path directory = named == null ? HostHistory.directory() : named;
        Originals originals = new Originals(directory.toAbsolutePath());
        OriginalsText text = new OriginalsText(session.screen(), json);
        if (list) {
            text.print(originals.all().stream()
                    .filter(kept -> name == null || isOf(kept, name, Optional.empty()))
                    .filter(this::isWantedDisk)
                    .toList());
            return ExitCode.DONE.status();
        }
        if (name == null) {
            throw new WrongUsageException("restore wants the name of a domain, or --list");
        }
        try (Domains domains = session.collaborators().domains(parent.connect())) {
            return restore(name, domains.diskHost(), originals, text);
        }
    }

    private int restore(String domain, DiskHost host, Originals originals, OriginalsText text)
            throws IOException, ImageRefusedException {
        Optional<DomainRecord> known = host.domain(domain);
        // Of several originals of one disk the newest.
        Map<String, KeptOriginal> wanted = new LinkedHashMap<>();
        for (KeptOriginal kept : originals.all()) {
            if (isOf(kept, domain, known) && isWantedDisk(kept)) {
                wanted.put(kept.target(), kept);
            }
        }
        if (wanted.isEmpty()) {
            throw new ImageRefusedException("no original of "
                    + (disk == null ? "" : "the disk " + disk + " of ") + "the domain " + domain
                    + " is kept; see: virt-shrink restore --list");
        }
        List<RestoredDisk> restored = new ArrayList<>();
        for (KeptOriginal kept : wanted.values()) {
            RestoredDisk result = restore(kept, host, originals);
            text.print(result);
            restored.add(result);
        }
        text.printJson(domain, restored);
        return ExitCode.worst(restored.stream().map(RestoredDisk::exitCode).toList())
                .status();
    }

    private RestoredDisk restore(KeptOriginal kept, DiskHost host, Originals originals) {
        try {
            Restore restore = new Restore(originals, host, RunDirectory.standard(), Clock.systemUTC());
            List<String> notes = new ArrayList<>(
                    restore.run(kept, discardChanges, session.stop().newCancellation()));
            notes.add("the daemon shrinks it again when its turn comes, unless you say: virt-shrink policy "
                    + kept.domain() + " --disable");
            return new RestoredDisk(kept, ExitCode.DONE, "", notes);
        } catch (ImageRefusedException refused) {
            return new RestoredDisk(kept, ExitCode.REFUSED, String.valueOf(refused.getMessage()), List.of());
        } catch (RunCancelledException stopped) {
            return new RestoredDisk(kept, ExitCode.YIELDED, String.valueOf(stopped.getMessage()), List.of());
        } catch (IOException problem) {
            return new RestoredDisk(kept, ExitCode.FAILED, FailureText.of(problem), List.of());
        }
    }

    private static boolean isOf(KeptOriginal kept, String domain, Optional<DomainRecord> known) {
        return known.isPresent()
                ? kept.uuid().equals(known.get().uuid())
                : kept.domain().equals(domain) || kept.uuid().toString().equals(domain);
    }

    private boolean isWantedDisk(KeptOriginal kept) {
        return disk == null || kept.target().equals(disk);
    }

    /**
     * What became of one disk.
     *
     * @param reason why it has not its original back; empty if it has
     */
    record RestoredDisk(KeptOriginal kept, ExitCode exitCode, String reason, List<String> notes) {
        RestoredDisk {
            notes = List.copyOf(notes);
        }
    }
}
