package virtshrink;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Which package may use which; the table of the design. Tests may use what they like. */
class ArchitectureTest {
    /**
     * For each package what of the others it may use, {@code ..} meaning the packages below it too. Every package may use itself and those
     * below it.
     */
    private static final Map<String, List<String>> MAY_USE = Map.ofEntries(
            Map.entry("block", List.of()),
            Map.entry("os", List.of()),
            Map.entry("nbd", List.of("block")),
            Map.entry("volume", List.of("block")),
            Map.entry("filesystem", List.of("block")),
            Map.entry("inspect", List.of("block", "volume..", "filesystem..")),
            Map.entry("image", List.of("block", "nbd", "os")),
            Map.entry("mount", List.of("block", "image", "os")),
            // block and filesystem: the values that inspections and images speak in; os: what the classical filler is
            // made of.
            Map.entry("shrink", List.of("inspect", "image", "mount", "block", "filesystem", "os")),
            Map.entry("libvirt", List.of("shrink", "image")),
            // os: for exchanging and identifying files.
            Map.entry("originals", List.of("libvirt", "shrink", "image", "os")),
            Map.entry("schedule", List.of("shrink", "libvirt")),
            Map.entry("config", List.of("shrink", "image")),
            Map.entry("json", List.of()),
            Map.entry("history", List.of("shrink", "json")),
            // Both entry points must come to the same decision, and neither may use the other.
            Map.entry("policy", List.of("config", "schedule", "history", "libvirt", "shrink", "os")),
            Map.entry("metrics", List.of("shrink", "history")),
            Map.entry("control", List.of("shrink", "json")),
            // What both entry points do with a domain, so it speaks in the values of all of them.
            Map.entry(
                    "job",
                    List.of(
                            "shrink",
                            "libvirt",
                            "history",
                            "policy",
                            "originals",
                            "json",
                            "image",
                            "inspect",
                            "filesystem",
                            "block",
                            "os")));

    /** The two entry points may use everything but one another. */
    private static final Map<String, String> MAY_USE_ALL_BUT = Map.of("daemon", "cli", "cli", "daemon");

    /** Libraries with one importer each, so that they can be replaced. */
    private static final Map<String, List<String>> ONLY_IN = Map.of(
            "org.libvirt..", List.of("libvirt"),
            "org.quartz..", List.of("schedule"),
            "io.prometheus..", List.of("metrics"),
            "com.sun.jna..", List.of("os", "libvirt"),
            "picocli..", List.of("cli", "daemon"));

    private static JavaClasses classes;

    @BeforeAll
    static void importClasses() {
        classes = new ClassFileImporter()
                .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
                .importPackages("virtshrink");
    }

    static Stream<String> packages() {
        return Stream.concat(MAY_USE.keySet().stream(), MAY_USE_ALL_BUT.keySet().stream())
                .sorted();
    }

    static Stream<String> libraries() {
        return ONLY_IN.keySet().stream().sorted();
    }

    @Test
    void everyPackageIsInTheTable() {
        TreeSet<String> unknown = new TreeSet<>();
        for (JavaClass type : classes) {
            String[] parts = type.getPackageName().split("\\.", -1);
            boolean thisTest = type.isEquivalentTo(ArchitectureTest.class);
            if (!thisTest && (parts.length < 2 || packages().noneMatch(parts[1]::equals))) {
                unknown.add(type.getName());
            }
        }
        assertTrue(unknown.isEmpty(), () -> "in no package of the table: " + unknown);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("packages")
    void usesOnlyWhatItMay(String name) {
        noClasses()
                .that()
                .resideInAPackage(tree(name))
                .should()
                .dependOnClassesThat(resideInAPackage("virtshrink..").and(DescribedPredicate.not(allowed(name))))
                .allowEmptyShould(true)
                .check(classes);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("libraries")
    void libraryHasItsOwnImporters(String library) {
        String[] importers =
                ONLY_IN.get(library).stream().map(ArchitectureTest::tree).toArray(String[]::new);
        noClasses()
                .that()
                .resideOutsideOfPackages(importers)
                .should()
                .dependOnClassesThat()
                .resideInAPackage(library)
                .check(classes);
    }

    @Test
    void packagesHaveNoCycles() {
        slices().matching("virtshrink.(**)").should().beFreeOfCycles().check(classes);
    }

    @Test
    void filesystemReadersDoNotKnowOneAnother() {
        slices().matching("virtshrink.filesystem.(*)..")
                .should()
                .notDependOnEachOther()
                .check(classes);
    }

    @Test
    void libvirtRunsNothingItself() {
        noClasses()
                .that()
                .resideInAPackage("virtshrink.libvirt..")
                .should()
                .dependOnClassesThat()
                .haveNameMatching("virtshrink\\.shrink\\.(Shrinker|ImageInspector|ClassicalFiller)")
                .as("virtshrink.libvirt uses the model of shrink, not its works")
                .check(classes);
    }

    private static DescribedPredicate<JavaClass> allowed(String name) {
        if (MAY_USE_ALL_BUT.containsKey(name)) {
            return DescribedPredicate.not(resideInAPackage(tree(MAY_USE_ALL_BUT.get(name))));
        }
        String[] packages = Stream.concat(
                        Stream.of(tree(name)), MAY_USE.get(name).stream().map(other -> "virtshrink." + other))
                .toArray(String[]::new);
        return resideInAnyPackage(packages);
    }

    private static String tree(String name) {
        return "virtshrink." + name + "..";
    }
}
