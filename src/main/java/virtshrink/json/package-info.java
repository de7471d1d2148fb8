/** Reading JSON objects that others wrote: fields that are expected to be there, and of a kind. Imports nothing of the project. */
@NullMarked
package virtshrink.json;

import org.jspecify.annotations.NullMarked;
