package virtshrink.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import virtshrink.shrink.MinimumGain;

class PolicyCommandTest {
    private final Cli cli = new Cli();

    @BeforeEach
    void defineDomain() {
        cli.collaborators.verdicts.add(Samples.domain("web", Samples.eligible("vda", Path.of("/images/a.qcow2"))));
    }

    @Test
    void showsWhatIsStatedAndWhatIsNot() {
        Cli.Result result = cli.run("policy web");
        assertEquals(0, result.status());
        assertEquals("""
                SETTING                VALUE
                ------------------------------------
                disabled               no
                exclude-disks          -
                min-reclaim            as configured
                min-days-since-shrink  as configured
                min-hours-off          as configured
                keep-original          as configured
                raw                    as configured
                """, result.out());
        assertEquals(List.of(), cli.collaborators.storedPolicies);
    }

    @Test
    void storesWhatTheOptionsSay() {
        assertEquals(0, cli.run("policy web --min-reclaim 10%").status());
        assertEquals(
                Optional.of(new MinimumGain(0, 10)),
                cli.collaborators.storedPolicies.get(0).minimumGain());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--min-reclaim lots|--min-reclaim is 'lots': it must be a size such as 64M or 1.5G, or a percentage such as 5%",
                "--min-hours-off x|--min-hours-off is 'x': it must be a whole number from 0 to 87600",
                "--raw qcow2|--raw is 'qcow2': it must be keep or convert",
                "--unset min-reclam|--unset min-reclam: a policy has no such setting; it has disabled, exclude-disks, min-reclaim",
                "--exclude-disks vdz|--exclude-disks: web has no disk vdz",
                "--disable --enable|mutually exclusive",
            })
    void wrongValuesAreWrongUsageAndChangeNothing(String options, String message) {
        Cli.Result result = cli.run("policy web " + options);
        assertEquals(2, result.status(), result::toString);
        assertTrue(result.err().contains(message), result.err());
        assertEquals(List.of(), cli.collaborators.storedPolicies);
    }

    @Test
    void anUnknownDomainIsAFailure() throws Exception {
        Cli.Result result = cli.run("policy nobody --disable --json");
        assertEquals(1, result.status());
        assertEquals("there is no domain of this name: nobody", result.json().get("reason"));
    }
}
