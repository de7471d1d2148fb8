package virtshrink.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import virtshrink.image.ImageFormat;
import virtshrink.job.DomainJson;
import virtshrink.job.DomainResult;
import virtshrink.job.JsonReport;
import virtshrink.job.RunSettings;
import virtshrink.shrink.ShrinkReport;
import virtshrink.shrink.ShrinkRequest;

@Command(name = "estimate", description = "Tells what a run would reclaim. Writes nothing.")
final class EstimateCommand implements Callable<Integer> {
    private final Session session;

    @ParentCommand
    private VirtShrinkCommand parent = new VirtShrinkCommand();

    @Option(
            names = "--format",
            paramLabel = "F",
            converter = ImageFormats.Converter.class,
            description = "Format of the images (default: qcow2 for .qcow2, raw for .raw and .img; never guessed).")
    private @Nullable ImageFormat format;

    @Option(names = "--domain", paramLabel = "NAME", description = "All disks of this domain; repeatable.")
    private List<String> domainNames = new ArrayList<>();

    @Mixin
    private JournalOption journals = new JournalOption();

    @Mixin
    private OutputOptions output = new OutputOptions();

    @Parameters(arity = "0..*", paramLabel = "IMAGE", description = "Disk images.")
    private List<Path> images = new ArrayList<>();

    EstimateCommand(Session session) {
        this.session = session;
    }

    @Override
    public Integer call() throws IOException, WrongUsageException {
        if (images.isEmpty() && domainNames.isEmpty()) {
            throw new WrongUsageException("name an IMAGE, or a domain with --domain");
        }
        RunSettings dryRun = RunSettings.estimate(journals.replayJournals());
        List<ShrinkRequest> requests = new ArrayList<>();
        for (Path image : images) {
            requests.add(dryRun.applyTo(ShrinkRequest.of(image, ImageFormats.choose(format, image))));
        }
        List<ExitCode> codes = new ArrayList<>();
        List<Map<String, Object>> disks = new ArrayList<>();
        List<Map<String, Object>> domains = new ArrayList<>();
        estimateImages(requests, codes, disks);
        if (!domainNames.isEmpty()) {
            estimateDomains(dryRun, codes, domains);
        }
        if (output.json()) {
            session.screen().out().println(Json.line(together(disks, domains)));
        }
        return ExitCode.worst(codes).status();
    }

    private void estimateImages(List<ShrinkRequest> requests, List<ExitCode> codes, List<Map<String, Object>> json) {
        DiskPrinter printer = new DiskPrinter(session.screen(), output, true);
        for (ShrinkRequest request : requests) {
            ShrinkReport report;
            try (ProgressDisplay progress = output.progress(session)) {
                progress.subject(request.image().toString());
                report = session.collaborators()
                        .shrink(request, progress, session.stop().newCancellation());
            }
            printer.print(report, request.format());
            codes.add(session.exitCode(report.outcome()));
            json.add(JsonReport.report(report, request.format()));
        }
    }

    private void estimateDomains(RunSettings dryRun, List<ExitCode> codes, List<Map<String, Object>> json)
            throws IOException, WrongUsageException {
        DomainPrinter printer = new DomainPrinter(session.screen(), output, true);
        List<DomainResult> results = new ArrayList<>();
        try (Domains domains = session.collaborators().domains(parent.connect())) {
            LocalRun run = new LocalRun(session, domains, dryRun);
            for (String name : domainNames) {
                DomainResult result;
                try (ProgressDisplay progress = output.progress(session)) {
                    result = run.run(name, progress);
                }
                printer.print(result);
                results.add(result);
                codes.add(session.exitCode(result.outcome()));
                json.add(DomainJson.result(result));
            }
        }
        printer.printTotal(results);
    }

    /** One image or domain stands for itself; several are listed under {@code disks} and {@code domains}. */
    private static Map<String, Object> together(List<Map<String, Object>> disks, List<Map<String, Object>> domains) {
        if (disks.size() + domains.size() == 1) {
            return disks.isEmpty() ? domains.get(0) : disks.get(0);
        }
        Map<String, Object> json = new LinkedHashMap<>();
        if (!disks.isEmpty()) {
            json.put("disks", disks);
        }
        if (!domains.isEmpty()) {
            json.put("domains", domains);
        }
        return json;
    }
}
