package virtshrink.job;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import virtshrink.json.JsonFields;
import virtshrink.json.JsonFields.MissingFieldException;
import virtshrink.shrink.MinimumGain;
import virtshrink.shrink.ShrinkRequest;
import virtshrink.shrink.ShrinkRequest.Filler;

/**
 * How a run that somebody asks for goes about its work. Immutable.
 *
 * @param dryRun end after the estimate
 * @param keepOriginal ending of the kept original's name, see {@link #objectionToSuffix}
 * @param minimumGain instead of the request's own
 * @param filler how free space is found
 * @param allowRename use a plain rename where the filesystem cannot exchange files
 * @param replayJournals replay journals in memory where a guest was powered off hard
 */
public record RunSettings(
        boolean dryRun,
        Optional<String> keepOriginal,
        Optional<MinimumGain> minimumGain,
        Filler filler,
        boolean allowRename,
        boolean replayJournals) {
    private static final int LONGEST_SUFFIX = 64;

    /** @throws IllegalArgumentException if there is an objection to the suffix */
    public RunSettings {
        keepOriginal.flatMap(RunSettings::objectionToSuffix).ifPresent(objection -> {
            throw new IllegalArgumentException(objection);
        });
    }

    /** Those of a run that only estimates. */
    public static RunSettings estimate(boolean replayJournals) {
        return new RunSettings(true, Optional.empty(), Optional.empty(), Filler.AUTO, false, replayJournals);
    }

    /** Why a kept original cannot get this ending: it must lead to no other directory. */
    public static Optional<String> objectionToSuffix(String suffix) {
        boolean fine = !suffix.isEmpty()
                && suffix.length() <= LONGEST_SUFFIX
                && suffix.chars().noneMatch(letter -> letter == '/' || letter == 0);
        return fine ? Optional.empty() : Optional.of("it must be an ending for the file's name, such as .orig");
    }

    /** The request as these settings change it. */
    public ShrinkRequest applyTo(ShrinkRequest request) {
        return request.changed()
                .dryRun(dryRun || request.dryRun())
                .keepOriginalSuffix(keepOriginal.or(request::keepOriginalSuffix))
                .minimumGain(minimumGain.orElse(request.minimumGain()))
                .filler(filler)
                .allowRename(allowRename || request.allowRename())
                .replayJournals(replayJournals || request.replayJournals())
                .build();
    }

    /** As they go from one process to another. */
    public Map<String, Object> toJson() {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("dryRun", dryRun);
        keepOriginal.ifPresent(suffix -> json.put("keepOriginal", suffix));
        minimumGain.ifPresent(gain -> {
            json.put("minReclaimBytes", gain.bytes());
            json.put("minReclaimPercent", gain.percent());
        });
        json.put("filler", name(filler));
        json.put("allowRename", allowRename);
        json.put("replayJournals", replayJournals);
        return json;
    }

    /** The settings that {@link #toJson} wrote. */
    public static RunSettings read(JsonFields fields) throws MissingFieldException {
        try {
            return new RunSettings(
                    fields.flag("dryRun"),
                    fields.has("keepOriginal") ? Optional.of(fields.text("keepOriginal")) : Optional.empty(),
                    fields.has("minReclaimBytes")
                            ? Optional.of(new MinimumGain(
                                    fields.number("minReclaimBytes"), fields.decimal("minReclaimPercent")))
                            : Optional.empty(),
                    filler(fields.text("filler")),
                    fields.flag("allowRename"),
                    fields.has("replayJournals") && fields.flag("replayJournals"));
        } catch (IllegalArgumentException outOfRange) {
            throw new MissingFieldException(String.valueOf(outOfRange.getMessage()));
        }
    }

    private static String name(Filler filler) {
        return filler.name().toLowerCase(Locale.ROOT);
    }

    private static Filler filler(String name) throws MissingFieldException {
        return Arrays.stream(Filler.values())
                .filter(filler -> name(filler).equals(name))
                .findFirst()
                .orElseThrow(() -> new MissingFieldException("filler"));
    }
}
